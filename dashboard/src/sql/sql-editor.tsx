import type { EditorView } from '@codemirror/view';
import { useEffect, useEffectEvent, useRef } from 'react';
import type { Table } from './completion';
import { createEditor, mark, setTables, setText } from './editor';
import type { Put } from './use-statement';

interface Props {
  put: Put;
  onChange: (text: string) => void;
  onRun: (text: string) => void;
  /** What can be completed. */
  tables: readonly Table[];
  /** What the server said about the statement that was run. */
  error: string | null;
}

/** Where a statement is written. */
export function SqlEditor({ put, onChange, onRun, tables, error }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const create = useEffectEvent((place: HTMLElement) =>
    createEditor(place, { text: put.text, onChange: changed, onRun: ran }),
  );
  const changed = useEffectEvent((typed: string) => onChange(typed));
  const ran = useEffectEvent((typed: string) => onRun(typed));
  useEffect(() => {
    if (!host.current) return;
    const made = create(host.current);
    view.current = made;
    return () => made.destroy();
  }, []);
  useEffect(() => {
    if (view.current) setText(view.current, put.text);
  }, [put]);
  useEffect(() => {
    if (view.current) setTables(view.current, tables);
  }, [tables]);
  useEffect(() => {
    if (view.current) mark(view.current, error);
  }, [error]);
  return <div className="sql-editor" ref={host} />;
}
