"""Make the pictures of a folder small enough for a README: 640 pixels wide, at most 1,000 high, 64 colours."""

import sys
from pathlib import Path

from PIL import Image

for pfad in Path(sys.argv[1]).glob("*.png"):
    bild = Image.open(pfad).convert("RGB")
    bild = bild.resize((640, bild.height * 640 // bild.width), Image.Resampling.LANCZOS)
    bild.crop((0, 0, 640, min(bild.height, 1000))).quantize(64).save(pfad, optimize=True)
