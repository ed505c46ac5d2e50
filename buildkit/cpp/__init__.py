"""Reading C++ sources as the preprocessor does, for many releases at once and without a compiler.

A source is split into lines and tokens once, with tree-sitter's grammar and pcpp's lexer
(:mod:`buildkit.cpp.parser`, :mod:`buildkit.cpp.lexer`), and its directives nested once
(:mod:`buildkit.cpp.structure`); then each translation unit is walked once with the set of
releases that get there (:mod:`buildkit.cpp.reader`), macros being kept for each set of releases
(:mod:`buildkit.cpp.macros`) and conditions evaluated for all of them together
(:mod:`buildkit.cpp.expression`). What comes of it is a :class:`buildkit.cpp.reading.Reading`.
"""
