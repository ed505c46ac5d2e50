"""From dist/ to files that can be published: tarballs, bills of materials, provenance, signatures.

All but provenance and signatures is the same, to the bit, wherever and however often it is made.
"""
