from __future__ import annotations

import pytest

from jobs.files.input_files import FILE_LIMIT, BadFile, KeptFile, check, ending_of, is_image, kept_file
from media import format_of
from tests.support.component_cases import CUBE, FILM, PICTURE, SOUND, TABLE

#: A container whose brand is one of films, as recorders of sound make it.
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + b"\0" * 16


@pytest.mark.parametrize(
    ("data", "name", "wanted", "ending"),
    [
        (SOUND.data, "", "audio", ".wav"),
        (FILM.data, "", "video", ".webm"),
        (CUBE.data, "cube.bin", None, ".glb"),
        (TABLE.data, "scores.csv", None, ".csv"),
        (TABLE.data, "https://example.com/a/scores.csv?x=1", None, ".csv"),
        (TABLE.data, "scores", None, ".bin"),
        (b"\0\1", "weights.safetensors", None, ".safetensors"),
        (b"PK\3\4" + b"\0" * 9, "letter.docx", None, ".docx"),
        (b"PK\3\4" + b"\0" * 9, "", None, ".zip"),
        (b"\0\1", "weights.pt", None, ".pt"),
        (b"\0\1", "evil.p/../t", None, ".bin"),
        (PICTURE.data, "a.txt", None, ".png"),
        (WEBM, "", "audio", ".weba"),
        (WEBM, "", "video", ".webm"),
    ],
)
def test_a_file_is_what_its_first_bytes_say(data: bytes, name: str, wanted: str | None, ending: str) -> None:
    assert ending_of(check(data, name, wanted), name) == ending


@pytest.mark.parametrize(
    ("data", "wanted", "why"),
    [
        (b"", None, "has 0 bytes"),
        (b"\0" * (FILE_LIMIT + 1), None, "at most"),
        (SOUND.data, "video", "is not among the videos that are taken: it is audio/wav"),
        (b"RIFF....", "audio", "it is application/octet-stream"),
        (PICTURE.data, "audio", "it is image/png"),
    ],
)
def test_what_is_not_wanted_is_refused(data: bytes, wanted: str | None, why: str) -> None:
    with pytest.raises(BadFile, match=why):
        check(data, "", wanted)


def test_an_image_is_one_by_its_bytes_or_its_name() -> None:
    assert is_image(PICTURE.data, "a.txt")
    assert is_image(b"hello", "a.PNG")
    assert not is_image(SOUND.data, "a.wav")


@pytest.mark.parametrize("kept", [KeptFile("ab" * 32), KeptFile("ab" * 32, ".csv")])
def test_a_kept_file_is_named_by_its_hash_and_its_ending(kept: KeptFile) -> None:
    assert kept_file(str(kept)) == kept
    assert kept_file("https://example.com/a") is None


def test_the_ending_of_a_known_picture_is_its_own() -> None:
    assert ending_of(format_of("image/png"), "a.exe") == ".png"
