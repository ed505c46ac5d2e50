"""Small things about the words of messages. Pure."""


def counted(number: int, noun: str) -> str:
    """``1 target``, ``2 targets``; for nouns that take an s."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
