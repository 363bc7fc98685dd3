"""The stream: live video in over WebRTC, live music out.

`stream.ports` says what it needs of a sensor and a composer; `stream.cli` is where all three meet.

To make and run the service::

    settings = Settings(host="127.0.0.1", port=8080)          # stream.settings; every choice has a default
    app = create_app(                                         # stream.doors.app; ValueError without a preset
        settings,
        sensor_factory=make_sensor,        # () -> Sensor, called on a sensing thread, once per session
        windows={"balanced": AffectWindow},    # reactivity -> (() -> Window), called on the event loop
        composers=[Offer(                  # stream.composing.offer; the first is the one to begin with
            "mine", "My composer", "its licence",
            make_composer,                 # () -> Composer, module-level: pickled by name, called in another
                                           # process (which imports its module, so keep that light)
            read_anchor,                   # str -> AnchorReply, raises ValueError with a sentence
        )],
        presets=["neoclassical", ...],     # the first is the default anchor unless settings name one
    )
    server.run(app, settings)              # stream.doors.server: blocks until SIGINT or SIGTERM, fades;
                                           # raises CannotListen (a StreamError) when the port is taken

Inside another program (demo, bench, tests), with real peers over HTTP and UDP::

    async with serving(app, settings) as url:                           # see stream.doors.server; 0: any port
        recording = Recording()                                         # stream.webrtc.loopback
        async with (
            publishing(url, frames, fps=30, codec="H264", on_frame=note),   # frames: Iterator[VideoFrame]
            listening(url, recording),
        ):
            session = app.state.sessions.get("live")                    # stream.session.session.Session
            ...
        recording.pcm()       # int16 (n, 2); recording.blocks has (samples, pts, t_s) as they arrived

What a `Session` lets the bench see (all times are seconds on `time.monotonic` unless they are called session
seconds, which are `session.time_s()`):

* `session.steer_log`: `AppliedSteer(at_sample, ring_sample, t_s, valence, arousal)`, affect exactly as the
  composer got it; `ring_sample` is the first sample that can differ, `t_s` when it was applied;
* `session.accent_log`: `AppliedAccent(at_sample, ring_sample, t_s)`, cuts likewise;
* `session.add_tap(tap)` / `remove_tap`: `tap(PlayedBlock(block, ring_sample, pts, t_s))` for every 20 ms that
  leaves, on the egress thread. Control latency of a steer: `t_s` of the block that holds its `ring_sample`,
  minus the steer's `t_s`;
* `session.reading_log`, `session.affect_log`: readings, and estimates as passed on, in session seconds;
* `session.steer(valence, arousal)`: steer by hand, at once, for 2 s; `session.mood.held = True` holds it;
* `session.composer_pid`, `session.composer_status`, `session.egress.underruns`,
  `session.egress.skipped_blocks` (20 ms each that this process came too late for), `session.slot.frames`,
  `session.peers.video_state`, `session.peers.listeners`.

What pages set is with the part that does it: `session.music` (volume, mute, panic), `session.style` (anchor,
seed), `session.control` (cuts, ducking), `session.attendance` (who uses it), `session.remarks`.
"""

__all__: list[str] = []
