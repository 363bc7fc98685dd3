// How loud somebody speaks at this computer. Only the level leaves the page, never the sound.

const FLOOR_DB = -120;

export class Microphone {
  #stream = null;
  #context = null;
  #analyser = null;
  #samples = null;
  #turn = 0; // of opening and closing: the user may take long to answer

  /**
   * Asks the user. Resolves to whether it is open: not when it was closed or opened again meanwhile. Rejects
   * when there is no microphone or it is not allowed.
   */
  async open() {
    const turn = ++this.#turn;
    const asked = navigator.mediaDevices.getUserMedia({ audio: { autoGainControl: false } });
    const stream = await asked.catch((error) => {
      if (turn === this.#turn) throw error;
    });
    if (turn !== this.#turn) {
      stop(stream);
      return false;
    }
    this.#stream = stream;
    this.#context = new AudioContext();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: 2048 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
    new MediaStreamAudioSourceNode(this.#context, { mediaStream: this.#stream }).connect(this.#analyser);
    return true;
  }

  /** RMS of the last 40 ms, dB below full scale, -120 to 0. */
  levelDb() {
    if (!this.#analyser) return FLOOR_DB;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, x) => sum + x * x, 0) / this.#samples.length;
    return power > 0 ? Math.max(FLOOR_DB, Math.min(0, 10 * Math.log10(power))) : FLOOR_DB;
  }

  close() {
    this.#turn += 1;
    stop(this.#stream);
    this.#context?.close();
    this.#stream = this.#context = this.#analyser = null;
  }
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
