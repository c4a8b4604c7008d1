"""Documents: facts become a tagged PDF in Japanese, set by Typst in Noto Sans JP from a package.

A template lays out and decides nothing; facts reach it as JSON, so that no name can become markup. What a document
says is decided in the package that issues it.
"""
