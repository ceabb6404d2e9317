"""Records small image files of many kinds and what Pillow 13 reads from them: decode.json.

    python tests/data/images/decode.py
"""

import base64, io, json, pathlib, struct, zlib
import numpy as np
from PIL import Image
from resize import noise

HERE = pathlib.Path(__file__).parent


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png(width, height, bits, colour, data=b""):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


rgb = Image.fromarray(noise(17, 13, 7))
smooth = Image.fromarray((np.indices((24, 32)).transpose(1, 2, 0) @ np.array([[5, 2, 1], [1, 4, 6]]) % 256).astype("uint8"))
smooth = smooth.resize((48, 40), Image.BILINEAR)
other = Image.fromarray(noise(17, 13, 8))
alpha = Image.fromarray(noise(17, 13, 9)[:, :, 0])
rgba = rgb.copy()
rgba.putalpha(alpha)
gray = Image.fromarray(noise(17, 13, 7)[:, :, 1])
la = gray.copy()
la.putalpha(alpha)
gray16 = Image.fromarray((noise(17, 13, 7)[:, :, 0].astype("uint16") << 8) + 99)
rgb16 = noise(17, 13, 7).astype(">u2") * 256 + 77
turned = Image.Exif()
turned[0x0112] = 6

files = {
    "rgb.png": saved(rgb, "PNG"),
    "gray.png": saved(gray, "PNG"),
    "gray_alpha.png": saved(la, "PNG"),
    "rgba.png": saved(rgba, "PNG"),
    "palette.png": saved(rgb.quantize(40), "PNG"),
    "palette_transparent.png": saved(rgb.quantize(40), "PNG", transparency=3),
    "one_bit.png": saved(gray.convert("1"), "PNG"),
    "gray16.png": saved(gray16, "PNG"),
    "rgb16.png": png(17, 13, 16, 2, b"".join(b"\0" + row.tobytes() for row in rgb16)),
    "animated.png": saved(rgb, "PNG", save_all=True, append_images=[other]),
    "rgb.jpg": saved(smooth, "JPEG", quality=90),
    "subsampled_not.jpg": saved(smooth, "JPEG", quality=90, subsampling=0),
    "progressive.jpg": saved(smooth, "JPEG", quality=90, progressive=True),
    "restarts.jpg": saved(smooth, "JPEG", quality=90, restart_marker_blocks=2),
    "gray.jpg": saved(smooth.convert("L"), "JPEG", quality=90),
    "cmyk.jpg": saved(smooth.convert("CMYK"), "JPEG", quality=95),
    "turned.jpg": saved(smooth, "JPEG", quality=90, exif=turned),
    "rgb.bmp": saved(rgb, "BMP"),
    "palette.bmp": saved(rgb.quantize(40), "BMP"),
    "rgb.ppm": saved(rgb, "PPM"),
    "gray.pgm": saved(gray, "PPM"),
    "rgb.tiff": saved(rgb, "TIFF"),
    "rgb_lzw.tiff": saved(rgb, "TIFF", compression="tiff_lzw"),
    "gray16.tiff": saved(gray16, "TIFF"),
    "cmyk.tiff": saved(rgb.convert("CMYK"), "TIFF"),
    "still.gif": saved(rgb.quantize(40), "GIF"),
    "animated.gif": saved(rgb.quantize(40), "GIF", save_all=True, append_images=[other.quantize(40)]),
    "lossless.webp": saved(rgb, "WEBP", lossless=True),
    "lossy.webp": saved(smooth, "WEBP", quality=90),
    "animated.webp": saved(rgb, "WEBP", save_all=True, append_images=[other], lossless=True),
    # What nobody can use.
    "float.tiff": saved(Image.fromarray(np.ones((4, 4), "float32")), "TIFF"),
    "bomb.png": png(60000, 60000, 8, 2),
    "bomb.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0),
    "zero.ppm": b"P6\n0 5\n255\n",
    "zero.png": png(0, 5, 8, 2),
    "text.png": b"This is not a picture at all.\n",
    "empty.jpg": b"",
}
out = {}
for name, contents in files.items():
    entry = out[name] = {"file": base64.b64encode(contents).decode()}
    try:
        image = Image.open(io.BytesIO(contents))
        entry["mode"] = image.mode
        rgb = np.asarray(image.convert("RGB"))
        entry["size"] = [rgb.shape[1], rgb.shape[0]]
        entry["rgb"] = base64.b64encode(rgb.tobytes()).decode()
    except Exception as error:
        entry["refused"] = f"{type(error).__name__}: {error}"[:100]
    print(name, len(contents), entry.get("mode"), entry.get("refused"))
(HERE / "decode.json").write_text(json.dumps(out, indent=0))
