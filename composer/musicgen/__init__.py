"""Meta's MusicGen as a live composer: endless, anchored by text, steered per token. Weights are CC-BY-NC.

    from composer.musicgen.factory import MusicGenFactory
    from composer.musicgen.loading import Options

    composer = MusicGenFactory(Options("facebook/musicgen-small"))()
    composer.prime("warm lofi hip hop, mellow electric piano", seed=7)
    composer.steer(valence=0.4, arousal=-0.2, at_sample=0)
    block = composer.render(480)

Needs the `musicgen` extra. Nothing is fetched unless the options say so.
"""

__all__: list[str] = []
