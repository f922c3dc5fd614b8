"""Register all formats with Pillow on import: 40 ms, once in a process.

Worker processes are forked from one that has imported this module.
"""

from PIL import Image
from pillow_heif import register_heif_opener

Image.init()
register_heif_opener()
