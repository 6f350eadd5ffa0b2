import { useState } from 'react';

/** A text that was put into the editor by something else than typing. */
export interface Put {
  text: string;
}

export interface Statement {
  /** What was put into the editor last, another object each time. */
  put: Put;
  /** What stands in it now, as far as the page has heard. */
  text: string;
  onType: (text: string) => void;
  restore: (sql: string) => void;
  /** To be told of what is run, and so comes into the address. */
  onRun: (sql: string) => void;
}

/** The statement in the editor: first `asked`, what the address holds, and that again when somebody else changes it. */
export function useStatement(asked: string, initial: string): Statement {
  const [text, setText] = useState(asked || initial);
  const [put, setPut] = useState<Put>({ text });
  const [seen, setSeen] = useState(asked);
  const [coming, setComing] = useState('');
  const restore = (sql: string) => {
    setText(sql);
    setPut({ text: sql });
  };
  if (asked !== seen) {
    setSeen(asked);
    // What was run stands in the editor already, and may have been typed on meanwhile.
    if (asked === coming) setComing('');
    else if (asked) restore(asked);
  }
  return {
    put,
    text,
    onType: setText,
    restore,
    onRun: (sql) => {
      setText(sql);
      if (sql !== asked) setComing(sql);
    },
  };
}
