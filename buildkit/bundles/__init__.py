"""Bundles: what a site without network needs, in one file."""
