"""The page and the API, in a process of their own: it never decodes a picture, and its end harms no other.

An upload becomes a file in the folder of the uploads, and what became of it is read from the journal.
"""
