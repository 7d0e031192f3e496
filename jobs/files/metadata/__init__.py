"""The metadata of image files: the recipe goes in, all that an upstream wrote goes out, the pixels stay as they are.

A file is taken apart into the pieces of its format. The pieces that make up
the image are kept byte for byte. All others are dropped (camera, prompt,
workflow, data behind the end), and the label is added. The same image with the
same label gives the same bytes.
"""

from jobs.files.metadata.label import Label, label_of
from jobs.files.metadata.rewrite import rewrite

__all__ = ["Label", "label_of", "rewrite"]
