/** The format of server-sent events. Ids of blocks without data count, as the standard says: they tell where to resume. */

export interface ServerMessage {
  id?: string;
  event?: string;
  /** Null for a block without data, which says only that the connection lives. */
  data: string | null;
}

/** Reads pieces of text, as they come, into messages. */
export class MessageReader {
  #rest = '';
  #message: ServerMessage = { data: null };
  #isEmpty = true;

  /** The messages that end in this piece. */
  *read(piece: string): Generator<ServerMessage> {
    // A carriage return at the very end may be half a line end.
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line) this.#add(line);
      else if (!this.#isEmpty) yield this.#take();
    }
  }

  #add(line: string): void {
    this.#isEmpty = false;
    const [name = '', ...rest] = line.split(':');
    const value = rest.join(':').replace(/^ /, '');
    if (name === 'data') this.#message.data = this.#message.data === null ? value : `${this.#message.data}\n${value}`;
    else if (name === 'id' || name === 'event') this.#message[name] = value;
  }

  #take(): ServerMessage {
    const message = this.#message;
    this.#message = { data: null };
    this.#isEmpty = true;
    return message;
  }
}
