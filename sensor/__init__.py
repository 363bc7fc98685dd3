"""The sensor: pictures in, one smoothed valence-arousal estimate out, causal throughout.

Nothing here knows of music, sockets or sessions. Importing a module does nothing.

A service uses four names:

    from sensor.live import LiveSensor, create_eye
    from sensor.window import AffectWindow

    eye = create_eye()                  # encoder and probe, warm; once per process, shared, read-only
    sensor = LiveSensor(eye)            # per session; adaptation="half" or "full" to stretch its range
    reading = sensor.read(frame, t_s)   # on a worker thread; av.VideoFrame -> Reading
    window = AffectWindow("balanced")   # per session; also "calm", "reactive"
    window.add(reading)
    affect = window.estimate(t_s)       # any thread that owns the window, any rate

`Reading(t_s, valence, arousal, confidence, cut)` and `Affect(valence, arousal, confidence)` are in
`sensor.reading`. Bad pictures never raise: their confidence is 0. `sensor.errors.SensorError` is the root
of what does. `sensor.train.train_probe` makes the weights again, `sensor.sense.sense` reads files. With the
extra `vlm`, `sensor.vlm` reads the story beside all this, and `sensor.fusion` joins both.
"""

__all__: list[str] = []
