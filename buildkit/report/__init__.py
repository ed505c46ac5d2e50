"""Reports on a manifest: a page, Markdown and JUnit XML, all made from one view of it."""
