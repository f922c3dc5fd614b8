"""Let Pillow know the formats that it opens, by importing this module: 40 ms, once in a process.

Worker processes are forked from one that has imported it.
"""

from PIL import Image
from pillow_heif import register_heif_opener

Image.init()
register_heif_opener()
