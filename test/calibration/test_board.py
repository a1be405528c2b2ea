"""The board that is printed."""

import re
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from equigrasp.calibration.board import BoardConfig, write_board
from equigrasp.calibration.detection import BoardDetector
from equigrasp.errors import ConfigError

MM_PER_POINT = 25.4 / 72


def test_pdf_prints_at_true_scale(tmp_path: Path) -> None:
    board = BoardConfig(square_length=0.0314, marker_length=0.02)
    write_board(tmp_path / "board.pdf", board)
    content = (tmp_path / "board.pdf").read_bytes()
    page = re.search(rb"MediaBox\[0 0 ([\d.]+) ([\d.]+)\]", content)
    size = re.search(rb"/Width (\d+)/Height (\d+)", content)
    stream = re.search(rb"/FlateDecode/Length \d+>>stream\n(.*?)\nendstream", content, re.DOTALL)
    assert page and size and stream
    width_px, height_px = int(size[1]), int(size[2])
    pixels = np.frombuffer(zlib.decompress(stream[1]), np.uint8).reshape(height_px, width_px)
    mm_per_px = float(page[1]) * MM_PER_POINT / width_px
    found = BoardDetector(board).detect(pixels).corners_px
    assert np.linalg.norm(found[5] - found[0]) * mm_per_px == pytest.approx(5 * 31.4, abs=0.05)


def test_pdf_has_a_table_of_its_objects(tmp_path: Path) -> None:
    write_board(tmp_path / "board.pdf", BoardConfig())
    content = (tmp_path / "board.pdf").read_bytes()
    start = int(re.search(rb"startxref\n(\d+)", content)[1])  # type: ignore[index]
    assert content[start:].startswith(b"xref\n0 6\n")
    offsets = [int(o) for o in re.findall(rb"(\d{10}) 00000 n", content[start:])]
    assert [content[o : o + 7] for o in offsets] == [b"%d 0 obj" % i for i in range(1, 6)]


def test_png_tells_its_resolution_and_can_be_read(tmp_path: Path) -> None:
    board = BoardConfig()
    write_board(tmp_path / "board.png", board)
    content = (tmp_path / "board.png").read_bytes()
    at = content.index(b"pHYs")
    per_metre = int.from_bytes(content[at + 4 : at + 8], "big")
    image = cv2.imread(str(tmp_path / "board.png"), cv2.IMREAD_GRAYSCALE)
    found = BoardDetector(board).detect(image).corners_px
    assert np.linalg.norm(found[1] - found[0]) / per_metre == pytest.approx(0.038, rel=1e-3)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.pdf or \.png, found 'board\.svg'"):
        write_board(tmp_path / "board.svg", BoardConfig())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"squares_x": 2}, "3 or more squares"),
        ({"marker_length": 0.05}, "0 < marker_length < square_length"),
        ({"square_length": 38.0}, "< 1 m"),
        ({"dictionary": "DICT_9X9"}, "Unknown ArUco dictionary 'DICT_9X9'"),
    ],
)
def test_a_board_that_cannot_be_is_refused(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BoardConfig(**values)
