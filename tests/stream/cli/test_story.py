"""Options of the slow reading: what is refused in one line, and that without them nothing of it is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.cli.__main__ import make_command
from stream.cli.story import Story, slow_reading
from tests.sensor.vlm.tiny_models import build

COMMIT = "0123456789abcdef0123456789abcdef01234567"
runner = CliRunner()


def refused(*arguments: str) -> str:
    result = runner.invoke(make_command(), list(arguments))
    assert result.exit_code == 1 and result.stdout == ""
    return "".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--vlm", "/nowhere"], "/nowhere"),
        (["--vlm", "owner/model"], "commit"),
        (["--vlm", "owner/model", "--vlm-revision", COMMIT], "--vlm-download"),
        (["--vlm", ".", "--vlm-device", "tpu"], "tpu"),
        (["--vlm", ".", "--vlm-dtype", "int4"], "int4"),
        (["--vlm-probe", "probe"], "--vlm names the model"),
    ],
)
def test_serve_refuses_a_model_that_cannot_be(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert "".join(said.split()) in refused("serve", "--port", "0", *options)


def test_serve_refuses_a_probe_of_another_model(tmp_path: Path) -> None:
    folder = build("smolvlm", tmp_path / "model")
    probe = tmp_path / "probe"
    assert "vlm-probe.json" in refused(
        "serve", "--port", "0", "--vlm", str(folder), "--vlm-probe", str(probe)
    )
    probe.mkdir()
    (probe / "vlm-probe.json").write_text('{"format": 1, "model": {"name": "other", "fingerprint": "0"}}')
    assert "other" in refused("serve", "--port", "0", "--vlm", str(folder), "--vlm-probe", str(probe))


def test_training_says_what_is_not_there(tmp_path: Path) -> None:
    assert "/nowhere" in refused("train", "vlm-probe", "--data", str(tmp_path), "--model", "/nowhere")
    folder = build("smolvlm", tmp_path / "model")
    arguments = [
        "train",
        "vlm-probe",
        "--data",
        str(tmp_path),
        "--model",
        str(folder),
        "--out",
        str(tmp_path),
    ]
    assert "ratings.csv" in refused(*arguments)


def test_nothing_asked_for_is_nothing() -> None:
    assert slow_reading(Story()) is None


def test_the_service_without_a_model_never_loads_transformers() -> None:
    script = (
        "import sys\n"
        "from stream.cli.wiring import make_app\n"
        "from stream.settings import Settings\n"
        "make_app(Settings())\n"
        "import sensor.vlm.host, sensor.vlm.live\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'transformers', 'tokenizers', 'torch'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
