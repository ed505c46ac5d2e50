"""What a module's code uses of Mesos's interfaces, read from its sources without a compiler.

A variant of the sources, the text that some releases compile, is parsed with tree-sitter
(:mod:`buildkit.uses.reader`) into declarations and expressions (:mod:`buildkit.uses.syntax`);
names are looked up among the module's declarations and the interface table's
(:mod:`buildkit.uses.names`, :mod:`buildkit.uses.catalogue`); types are inferred as far as that goes
(:mod:`buildkit.uses.extraction`). What comes of it are demands (:mod:`buildkit.uses.demands`),
which a release of the table meets or not (:mod:`buildkit.uses.judging`).
"""
