"""The slow reading: a frozen vision-language model reads the story behind the picture, once a second.

NarraScore's affective sensor (section 3.3), made live. It runs in a process of its own, shared by all
sessions; nothing waits for it. Needs the extra `vlm` (transformers); importing this package imports none of
it.

    from sensor.vlm.source import Source, locate
    from sensor.vlm.host import SlowReading
    from sensor.vlm.live import FusedSensor

    source = Source("Qwen/Qwen3-VL-2B-Instruct", revision="<commit>")
    with SlowReading(locate(source), source.device, source.dtype) as slow:   # starts the process
        sensor = FusedSensor(LiveSensor(eye), slow.open())                   # per session
"""

__all__: list[str] = []
