"""``python -m providers``: what it says, where, and with which status."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from providers.__main__ import main
from providers.catalog import Catalog
from providers.command_line.terminal import describe
from providers.events import Checkpoint, Completed, InlineFile, Preview, Progress, Queued, Started, Status, Text

Capture = pytest.CaptureFixture[str]


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def test_list_has_a_line_for_every_provider(capsys: Capture) -> None:
    assert run("list") == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == sorted(Catalog.load(installed=[]).names())
    assert all(len(line) == 4 for line in lines)


def test_list_shows_what_the_configuration_says(capsys: Capture, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[providers.echo]\nenabled = false\n[providers.g4f]\nworking = false\n")
    assert run("list", "--config", config) == 0
    out = capsys.readouterr().out
    assert "echo\techo\t-\toff" in out
    assert "\tonly by name" in out


def test_show_tells_models_and_parameters(capsys: Capture) -> None:
    assert run("show", "blackforestlabs-flux1-dev") == 0
    out = capsys.readouterr().out
    assert out.startswith("# blackforestlabs-flux1-dev\n")
    assert "| `guidance_scale` | number | `3.5` | 1 to 15 |" in out


def test_run_writes_the_picture_and_says_where(capsys: Capture, tmp_path: Path) -> None:
    picture = tmp_path / "fox.png"
    assert run("run", "echo", "prompt=a fox", "seed=7", "width=64", "height=48", "-o", picture) == 0
    out, err = capsys.readouterr()
    assert out == f"{picture}\n"
    assert err.splitlines()[-1] == "seed 7"
    assert "generating 4/4 100%" in err
    with Image.open(picture) as image:
        assert image.size == (64, 48)


def test_run_numbers_several_pictures_and_prints_texts(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("run", "echo", "script=text hello; image 2", "width=32", "height=32") == 0
    assert capsys.readouterr().out == "hello\necho-0.png\necho-1.png\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["echo-0.png", "echo-1.png"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["run", "echo", "script=fail quota 0:09:48 used up"], 1, "quota: used up (retry in 588 s)"),
        (["run", "echo", "script=dance"], 2, "script/0 is not a step"),
        (["run", "echo", "width=0", "nope=1"], 2, "nope is not a known field"),
        (["run", "flux-schnell"], 2, "prompt is missing"),
        (["run", "flux-schnell", "prompt=x", "width=wide"], 2, "width must be a whole number"),
        (["run", "flux-schnell", "prompt=x", "randomize_seed=yes"], 2, "randomize_seed must be true or false"),
        (["run", "echo", "prompt"], 2, "is not KEY=VALUE"),
        (["run", "nope"], 2, "there is no model 'nope'"),
        (["run", "g4f", "-m", "echo"], 2, "g4f does not serve 'echo'"),
        (["run", "echo", "url=ftp://x"], 2, "the command line: [providers.echo]: url"),
        (["run", "echo", "flux_url=http://x"], 2, "flux_url is not a key of this driver"),
        (["run", "janus-pro-7b", "prompt=x", "image=/no/such.png"], 2, "/no/such.png: No such file"),
        (["run", "janus-pro-7b", "prompt=x", "image=x.txt"], 2, "give the path of an image"),
        (["run", "echo", "-o", "/no/such/folder/x.png"], 2, "/no/such/folder/x.png"),
        (["run", "echo", "--credentials", "/no/such.json"], 2, "cannot be read as JSON"),
        (["run", "voodoohop-flux1-schnell", "prompt=x", "url=http://127.0.0.1:9"], 1, "unreachable: no connection"),
        (["show", "nope"], 2, "there is no provider 'nope'"),
        (["list", "--config", "/no/such.toml"], 2, "/no/such.toml: cannot be read"),
    ],
)
def test_what_goes_wrong_is_said_with_a_status(capsys: Capture, arguments: list[str], status: int, words: str) -> None:
    assert run(*arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err


def test_no_command_is_a_mistake(capsys: Capture) -> None:
    assert run() == 2
    assert run("dance") == 2
    assert run("run") == 2
    assert "dance" in capsys.readouterr().err
    assert run("run", "--help") == 0
    assert "KEY=VALUE" in capsys.readouterr().out


def test_credentials_come_from_a_file_and_are_checked(capsys: Capture, tmp_path: Path) -> None:
    secrets = tmp_path / "s.json"
    secrets.write_text('{"api_key": "s3cret"}')
    assert run("run", "echo", "--credentials", secrets, "-o", tmp_path / "x.png") == 0
    secrets.write_text('{"api_kee": "s3cret"}')
    assert run("run", "echo", "--credentials", secrets) == 2
    out, err = capsys.readouterr()
    assert "api_key" in err
    assert "s3cret" not in out + err


def test_a_broken_package_is_reported_beside_the_others(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    from providers import registry

    points = (EntryPoint("acme", "no_such_module:driver", registry.GROUP),)
    monkeypatch.setattr(registry, "installed_drivers", lambda: points)
    assert run("list") == 0
    out, err = capsys.readouterr()
    assert "echo" in out
    assert "no_such_module" in err


def test_it_runs_as_a_module_and_on_a_terminal() -> None:
    written: list[bytes] = []

    def read(descriptor: int) -> bytes:
        written.append(os.read(descriptor, 4096))
        return written[-1]

    status = pty.spawn([sys.executable, "-m", "providers", "list"], read)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"provider" in b"".join(written)
    plain = subprocess.run([sys.executable, "-m", "providers", "list"], capture_output=True, text=True, check=True)
    assert plain.stdout.count("\n") == 7


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Queued(), "queued"),
        (Queued(2, 5, 7.4), "queued, 2 before us of 5, about 7 s"),
        (Started(), "started"),
        (Status("hi"), "hi"),
        (Status("hi", "warning"), "warning: hi"),
        (Progress(0.5, 1, 2), "generating 1/2 50%"),
        (Progress(message="Denoising"), "Denoising"),
        (Preview(InlineFile("a.png", b"")), "preview a.png"),
        (Completed((Text("x"),)), "finished: 1 output"),
        (Checkpoint({}), ""),
    ],
)
def test_events_in_words(event: object, line: str) -> None:
    assert describe(event) == line  # type: ignore[arg-type]
