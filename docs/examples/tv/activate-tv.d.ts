/** The types of activate-tv.js. */

/** What the TV shows. */
export interface ShownPin {
  /** Letters and digits, such as `zizm529`. Show it large, and never log it. */
  pin: string;
  /** Where the viewer goes, as given in the options. */
  url: string;
  /** The address with the PIN, for a QR code. */
  link: string;
  /** How long the PIN lasts. Another one comes before its end. */
  seconds: number;
}

/** What Zype's login service answers for a linked PIN. */
export interface Token {
  access_token: string;
  token_type: string;
  /** Seconds. */
  expires_in: number;
  refresh_token: string;
  scope?: string;
  created_at?: number | string;
}

/** Tells the result of a call: the HTTP status, or 0 without a whole answer; its JSON; seconds of `Retry-After`, or 0. */
export type Done = (status: number, answer: object, retryAfter: number) => void;

/** Makes one call; has to call `done` once, in the end. */
export type Send = (method: "GET" | "POST", url: string, fields: Record<string, string>, done: Done) => void;

export interface Options {
  /** The App key of the TV's app at Zype. Never an Admin key. */
  appKey: string;
  /** The OAuth client of the TV's app at Zype's login service. */
  clientId: string;
  /** The TV's own id, which stays the same; `ActivateTV.deviceId()` makes and keeps one. */
  deviceId: string;
  /** Your portal's page, such as `https://tv.example.com/activate`. */
  activateUrl: string;
  /** Sent as `type`, such as `tizen`. */
  deviceType?: string;
  /** Zype's platform API; by default `https://api.zype.com`. */
  api?: string;
  /** Zype's login service; by default `https://login.zype.com`. */
  login?: string;
  /** Makes the calls, in place of `ActivateTV.send`. */
  send?: Send;
  /** Show this PIN in place of the last one; `null`: show none, it has expired and there is no other yet. */
  onPin(shown: ShownPin | null): void;
  /** The TV is linked, and signed in. */
  onLinked(token: Token): void;
  /** The TV was unlinked: forget the token. A new PIN follows. */
  onUnlinked?(): void;
  /** A call failed with this status, 0 without an answer, and is tried again; `null`: it is over. */
  onTrouble?(status: number | null): void;
}

export interface Activation {
  /** Ends it: nothing is called any more. */
  stop(): void;
}

declare global {
  interface Window {
    ActivateTV: {
      start(options: Options): Activation;
      deviceId(): string;
      send: Send;
    };
  }
}
