"""The release SDK: from an official source archive to what a module compiles and runs against.

Pure: trees go in, trees come out. The folders made here hold a script each, which an engine runs.
"""
