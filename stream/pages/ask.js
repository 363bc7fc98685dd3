// Asking the server for something, with its refusal shown to the user.

/**
 * From `send(message)`, which rejects with a sentence, and `fail(words)`, which shows one: a function that sends a
 * message and resolves to whether the server obeyed.
 */
export function asking(send, fail) {
  return async (message) => {
    try {
      await send(message);
      return true;
    } catch (error) {
      fail(error.message);
      return false;
    }
  };
}
