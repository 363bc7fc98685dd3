// Getting one video track from a screen, a window, a tab or a camera, small and slow from the start.

import { MAX_FPS, MAX_WIDTH } from "./whip.js";

const SURFACES = { screen: "monitor", window: "window", tab: "browser" };

/** Asks the user and the browser for a picture. Throws Error with a sentence for the user. */
export async function capture(kind, cameraId = "") {
  if (!navigator.mediaDevices) {
    throw new Error(
      "Browsers share pictures with secure pages only. Open this page on the machine that runs it as " +
        "http://127.0.0.1, or serve it over https.",
    );
  }
  const size = { width: { max: MAX_WIDTH }, frameRate: { max: MAX_FPS } };
  let stream;
  try {
    stream = kind === "camera" ? await camera(cameraId) : await display(kind, size);
  } catch (error) {
    throw new Error(explain(error, kind), { cause: error });
  }
  const [track] = stream.getVideoTracks();
  track.contentHint = "motion"; // when short of bits: fewer pixels, not fewer frames
  return track;
}

/** The cameras the browser names: `[{id, label}]`. Names are hidden until a camera has been allowed. */
export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter(({ kind, deviceId }) => kind === "videoinput" && deviceId)
    .map(({ deviceId, label }, index) => ({ id: deviceId, label: label || `Camera ${index + 1}` }));
}

function display(kind, size) {
  return navigator.mediaDevices.getDisplayMedia({
    video: { ...size, displaySurface: SURFACES[kind] },
    audio: false,
    selfBrowserSurface: "exclude",
    surfaceSwitching: "include",
    monitorTypeSurfaces: kind === "screen" ? "include" : "exclude",
  });
}

// A camera is asked kindly first: a hard limit would rule out one that has no small mode, and the sender
// scales anyway.
function camera(deviceId) {
  return navigator.mediaDevices.getUserMedia({
    video: {
      width: { ideal: MAX_WIDTH },
      frameRate: { ideal: MAX_FPS },
      ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
    },
    audio: false,
  });
}

function explain(error, kind) {
  const camera = kind === "camera";
  switch (error.name) {
    case "NotAllowedError":
      return camera
        ? "The camera was not allowed. Allow it beside the address bar, then press Start again."
        : "Nothing was shared. Press Start again and choose what to share in the browser's dialog.";
    case "NotFoundError":
      return camera
        ? "No camera was found. Plug one in, or start OBS's Virtual Camera, then press Start again."
        : "The browser found nothing to share. Try a window instead of the screen, or the other way round.";
    case "NotReadableError":
      return camera
        ? "The camera is busy in another program. Close it there, or send OBS's Virtual Camera instead."
        : "The system refused to share that. Check its screen-recording permission, then press Start again.";
    case "OverconstrainedError":
      return "That camera has gone. Choose another one, then press Start again.";
    case "NotSupportedError":
      return "This browser cannot share that. Try a camera, or a current Chrome, Edge or Firefox.";
    default:
      return `The picture could not be had: ${error.message}`;
  }
}
