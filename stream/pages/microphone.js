// How loud somebody speaks at this computer. Only the level leaves the page, never the sound.

const FLOOR_DB = -120;

export class Microphone {
  #stream = null;
  #context = null;
  #analyser = null;
  #samples = null;

  /** Asks the user. Rejects when there is no microphone or it is not allowed. */
  async open() {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { autoGainControl: false } });
    this.#context = new AudioContext();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: 2048 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
    new MediaStreamAudioSourceNode(this.#context, { mediaStream: this.#stream }).connect(this.#analyser);
  }

  /** RMS of the last 40 ms, dB below full scale, -120 to 0. */
  levelDb() {
    if (!this.#analyser) return FLOOR_DB;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, x) => sum + x * x, 0) / this.#samples.length;
    return power > 0 ? Math.max(FLOOR_DB, Math.min(0, 10 * Math.log10(power))) : FLOOR_DB;
  }

  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#context?.close();
    this.#stream = this.#context = this.#analyser = null;
  }
}
