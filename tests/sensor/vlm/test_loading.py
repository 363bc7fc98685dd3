"""Where models come from and what is refused, each in one line that names the place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

from sensor.errors import SensorError, WeightsError
from sensor.vlm.loading import Vlm, chat_frame, choose_device, choose_dtype, load
from sensor.vlm.source import Source, check, fingerprint, locate
from tests.sensor.vlm.tiny_models import build, without_template

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A model to be spoiled."""
    return Path(shutil.copytree(folder, tmp_path / "model"))


def refused(place: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load(place)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_family_loads_frozen(vlm: Vlm) -> None:
    assert not any(each.requires_grad for each in vlm.model.parameters())
    assert not vlm.model.training
    assert vlm.width == 32 and vlm.device.type == "cpu" and vlm.dtype == torch.float32


def test_dtype_is_taken(folder: Path) -> None:
    vlm = load(folder, "cpu", "bfloat16")
    assert {each.dtype for each in vlm.model.parameters()} == {torch.bfloat16}
    seen = vlm.encode(torch.zeros(36, 64, 3, dtype=torch.uint8).numpy())
    assert seen.embeds.dtype == torch.bfloat16


def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(SensorError, match="cuda:63"):
        choose_device("cuda:63")
    assert choose_dtype("auto", torch.device("cpu")) == torch.float32


def test_truncated_weights_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5000])
    assert str(copy) in refused(copy)


def test_weights_that_do_not_fill_the_model_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    lost = next(name for name in tensors if "layers.1" in name)
    del tensors[lost]
    save_file(tensors, path, {"format": "pt"})
    assert "missing keys" in refused(copy)


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in tensors if "mlp" in name)
    tensors[name] = tensors[name][:-1].contiguous()
    save_file(tensors, path, {"format": "pt"})
    assert str(copy) in refused(copy)


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    torch.save({}, copy / "pytorch_model.bin")
    assert "safetensors" in refused(copy)


def test_another_family_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "videollama3_qwen2"}))
    assert "video_llama_3, smolvlm, qwen3_vl" in refused(copy) and "videollama3_qwen2" in refused(copy)


def test_a_config_that_is_no_json_is_refused(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    assert "config.json" in refused(copy)


@pytest.mark.parametrize("name", ["tokenizer.json", "preprocessor_config.json"])
def test_a_missing_part_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    (copy / "tokenizer_config.json").unlink()
    assert refused(copy)


def test_another_models_tokenizer_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "image_token_id": 3}))
    assert "token 3" in refused(copy)


def test_code_in_the_folder_is_never_run(copy: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (copy / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Model: pass\nclass Config: pass\n")
    config = json.loads((copy / "config.json").read_text())
    names = {"AutoModelForImageTextToText": "evil.Model", "AutoConfig": "evil.Config"}
    (copy / "config.json").write_text(json.dumps({**config, "auto_map": names}))
    assert type(load(copy).model).__module__.startswith("transformers.")
    assert not ran.exists()


def test_a_folder_is_located(folder: Path) -> None:
    assert locate(Source(str(folder))) == folder
    assert check(folder) == "smolvlm"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source("/nowhere/model"), "/nowhere/model"),
        (Source("owner/model"), "--vlm-download|commit"),
        (Source("owner/model", "main"), "commit"),
        (Source("owner/model", COMMIT), "--vlm-download"),
        (Source("owner/model", COMMIT, device="tpu"), "tpu"),
        (Source("owner/model", COMMIT, dtype="int4"), "int4"),
    ],
)
def test_what_cannot_be_located_is_said(
    source: Source, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SensorError, match=said):
        locate(source)


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(SensorError, match="revision"):
        locate(Source(str(folder), COMMIT))


def test_a_hub_id_is_found_where_the_hub_keeps_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--owner--model" / "snapshots" / COMMIT
    shutil.copytree(folder, snapshot)
    assert locate(Source("owner/model", COMMIT)) == snapshot


def test_fetching_without_a_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SensorError, match="owner/model at 0123456789ab"):
        locate(Source("owner/model", COMMIT, download=True))


def test_a_fingerprint_tells_fine_tunes_apart(copy: Path, folder: Path) -> None:
    assert fingerprint(copy) == fingerprint(folder)
    path = copy / "model.safetensors"
    tensors = load_file(path)
    save_file({name: each * 1.001 for name, each in tensors.items()}, path, {"format": "pt"})
    assert fingerprint(copy) != fingerprint(folder)


def test_the_chat_template_is_found_wherever_it_is(tmp_path: Path, loaded: Callable[[str], Vlm]) -> None:
    framed = (loaded("smolvlm").head, loaded("smolvlm").tail)
    assert framed == ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
    folder = build("smolvlm", tmp_path)
    template = (folder / "chat_template.jinja").read_text()
    without_template(folder)
    bare = load(folder)
    assert (bare.head, bare.tail) == ("", "\n")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    assert (load(folder).head, load(folder).tail) == framed
    bare.tokenizer.chat_template = DEFAULT_CHAT_TEMPLATE  # the family's own
    framed = ("<|im_start|>User: ", "<end_of_utterance>\nAssistant:")
    assert chat_frame(bare.tokenizer, folder) == framed
    plain = "{% for m in messages %}[{{ m['content'] }}]{% endfor %}>"
    bare.tokenizer.chat_template = plain
    assert chat_frame(bare.tokenizer, folder) == ("[", "]>")
