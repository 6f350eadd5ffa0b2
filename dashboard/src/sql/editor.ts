/** The editor of statements, made of CodeMirror's parts. */

import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeCompletion,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { completion, type Table } from './completion';
import { placeOf } from './error-place';

export const KEYS =
  'Ctrl or Cmd and Enter runs the statement. Tab leaves the editor; while suggestions are shown it takes one, and Escape closes them.';

const HINT_ID = 'keys';
const suggestions = new Compartment();

interface Options {
  text: string;
  onChange: (text: string) => void;
  /** What stands there is handed over: the page may not have heard of the last letter yet. */
  onRun: (text: string) => void;
}

/**
 * An editor inside `host`. It has a shadow root of its own: there CodeMirror adopts its style sheets, while into
 * a document it would write style elements, which the content security policy forbids.
 */
export function createEditor(host: HTMLElement, options: Options): EditorView {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const hint = document.createElement('div');
  hint.id = HINT_ID;
  hint.hidden = true;
  hint.textContent = KEYS;
  root.replaceChildren(hint);
  return new EditorView({
    parent: root,
    root,
    state: EditorState.create({ doc: options.text, extensions: [parts(options)] }),
  });
}

/** Replace the whole text, as when a statement is restored; typing does not come here. */
export function setText(view: EditorView, text: string): void {
  if (view.state.doc.toString() === text) return;
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } });
}

export function setTables(view: EditorView, tables: readonly Table[]): void {
  view.dispatch({ effects: suggestions.reconfigure(completion(tables)) });
}

/** Underline what a message of the server is about, when it says where that stands. */
export function mark(view: EditorView, message: string | null): void {
  const place = message === null ? null : placeOf(message, view.state.doc.toString());
  const found: Diagnostic[] = place && message ? [{ ...place, severity: 'error', message }] : [];
  view.dispatch(setDiagnostics(view.state, found));
}

function parts({ onChange, onRun }: Options) {
  const run = (view: EditorView) => {
    closeCompletion(view);
    onRun(view.state.doc.toString());
    return true;
  };
  return [
    // Before the keys of others: Mod-Enter would add a line.
    Prec.highest(
      keymap.of([
        { key: 'Mod-Enter', run },
        { key: 'Tab', run: acceptCompletion },
      ]),
    ),
    lineNumbers(),
    highlightSpecialChars(),
    history(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    highlightActiveLine(),
    EditorView.lineWrapping,
    keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
    suggestions.of(completion([])),
    syntaxHighlighting(COLORS),
    LOOK,
    EditorView.contentAttributes.of({ 'aria-label': 'SQL statement', 'aria-describedby': HINT_ID }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onChange(update.state.doc.toString());
    }),
  ];
}

const COLORS = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent)', fontWeight: '600' },
  { tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--chart-3)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--warning)' },
  { tag: tags.comment, color: 'var(--text-muted)', fontStyle: 'italic' },
]);

const LOOK = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: '0.9rem' },
  // Around the host, for here it would run below the numbers of lines.
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', maxHeight: '45vh' },
  '.cm-content, .cm-gutter': { minHeight: '9.5rem' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-gutters': { color: 'var(--text-muted)', backgroundColor: 'var(--surface-raised)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'var(--surface-raised)' },
  '&.cm-focused .cm-matchingBracket': { color: 'inherit', backgroundColor: 'var(--border)' },
  '.cm-tooltip': { color: 'var(--text)', backgroundColor: 'var(--surface)', border: '1px solid var(--border)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxWidth: 'min(700px, 80vw)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { color: 'var(--accent-text)', backgroundColor: 'var(--accent)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-completionDetail': { fontStyle: 'normal', fontSize: '0.8em', opacity: '0.8' },
  // By itself it would be a picture at a data address, which the content security policy forbids too.
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
});
