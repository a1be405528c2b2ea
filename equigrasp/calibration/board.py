"""The ChArUco board: its geometry, and how it is printed at true scale."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from equigrasp.errors import ConfigError

_PIXELS_PER_METRE = 300 / 0.0254  # 300 dots per inch
_POINTS_PER_METRE = 72 / 0.0254
_MARGIN = 0.008  # [m] of white paper about the squares; a marker at the rim needs some


@dataclass(frozen=True)
class BoardConfig:
    """A chessboard with ArUco markers in its white squares.

    The board's frame has its origin at the outer corner of the first square, x along the columns,
    y along the rows and z into the paper, away from who looks at it.

    Args:
        squares_x: Columns of squares.
        squares_y: Rows of squares.
        square_length: Side of a square as measured on the print [m].
        marker_length: Side of a marker as measured on the print [m].
        dictionary: Name of an ArUco dictionary of OpenCV.
    """

    squares_x: int = 7
    squares_y: int = 5
    square_length: float = 0.038  # 266 mm x 190 mm: fits on A4 and US Letter
    marker_length: float = 0.028
    dictionary: str = "DICT_4X4_50"

    def __post_init__(self) -> None:
        if min(self.squares_x, self.squares_y) < 3:
            raise ConfigError(
                f"A board needs 3 or more squares a side, found {self.squares_x} x {self.squares_y}."
            )
        if not 0.0 < self.marker_length < self.square_length < 1.0:
            raise ConfigError(
                "Board lengths must hold 0 < marker_length < square_length < 1 m, found "
                f"{self.marker_length} and {self.square_length}."
            )
        if not (self.dictionary.startswith("DICT_") and hasattr(cv2.aruco, self.dictionary)):
            raise ConfigError(f"Unknown ArUco dictionary '{self.dictionary}'; one is DICT_4X4_50.")

    @property
    def size(self) -> tuple[float, float]:
        """Extent of the squares along x and y [m]."""
        return (self.squares_x * self.square_length, self.squares_y * self.square_length)

    @property
    def has_legacy_pattern(self) -> bool:
        """Whether OpenCV before 4.6 laid such a board out otherwise: a marker in its first square."""
        return self.squares_y % 2 == 0

    def make(self, *, is_legacy: bool = False) -> "cv2.aruco.CharucoBoard":
        """Return OpenCV's board; `is_legacy`: laid out as OpenCV did before 4.6."""
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        board = cv2.aruco.CharucoBoard(
            (self.squares_x, self.squares_y), self.square_length, self.marker_length, dictionary
        )
        board.setLegacyPattern(is_legacy)
        return board

    def corners(self) -> np.ndarray:
        """Return the inner corners in the board's frame by id, shape (K, 3) [m]."""
        return np.asarray(self.make().getChessboardCorners(), dtype=np.float64)

    def draw(self, square_px: int, margin_px: int = 0, *, is_legacy: bool = False) -> np.ndarray:
        """Return the board in grey, uint8, with white about it; a square is `square_px` wide."""
        size = (self.squares_x * square_px, self.squares_y * square_px)
        image = self.make(is_legacy=is_legacy).generateImage(size, marginSize=0)
        return np.pad(image, margin_px, constant_values=255)


def write_board(path: Path, board: BoardConfig) -> None:
    """Write the board for printing "at 100 %", as PDF or PNG by the name's ending.

    Raises:
        ConfigError: for another ending.
    """
    if path.suffix not in (".pdf", ".png"):
        raise ConfigError(f"A board is written as .pdf or .png, found '{path.name}'.")
    square_px = max(16, round(board.square_length * _PIXELS_PER_METRE))
    pixels_per_metre = square_px / board.square_length  # of whole pixels: the print is exact
    image = board.draw(square_px, round(_MARGIN * pixels_per_metre))
    path.parent.mkdir(parents=True, exist_ok=True)
    write = _pdf if path.suffix == ".pdf" else _png
    path.write_bytes(write(image, pixels_per_metre))


def _png(image: np.ndarray, pixels_per_metre: float) -> bytes:
    """Encode with the resolution in a pHYs chunk, right after the header chunk."""
    body = b"pHYs" + round(pixels_per_metre).to_bytes(4, "big") * 2 + b"\x01"
    chunk = (9).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    data = cv2.imencode(".png", image)[1].tobytes()
    header_end = 8 + 25  # signature; IHDR is always 25 bytes
    return data[:header_end] + chunk + data[header_end:]


def _pdf(image: np.ndarray, pixels_per_metre: float) -> bytes:
    """Return a PDF of one page that is just the picture (PDF 1.4, objects by hand)."""
    height, width = image.shape
    w, h = (n / pixels_per_metre * _POINTS_PER_METRE for n in (width, height))
    pixels = zlib.compress(np.ascontiguousarray(image).tobytes())
    content = f"{w:.4f} 0 0 {h:.4f} 0 0 cm /I Do".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {w:.4f} {h:.4f}]/Contents 4 0 R"
        "/Resources<</XObject<</I 5 0 R>>>>>>".encode(),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray"
        b"/BitsPerComponent 8/Filter/FlateDecode/Length %d>>stream\n%s\nendstream"
        % (width, height, len(pixels), pixels),
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % o for o in offsets)
    count = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
        % (count, table, count, len(out))
    )
