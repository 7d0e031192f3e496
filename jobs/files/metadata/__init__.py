"""The metadata of image files: the recipe goes in, all that an upstream wrote goes out, the pixels stay as they are.

A file is taken apart into the pieces of its format. The pieces that make up
the image are kept byte for byte. All others are dropped (camera, prompt,
workflow, data behind the end), and the label is added. The same image with the
same label gives the same bytes.
"""
