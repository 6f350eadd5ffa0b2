import type { ReactNode } from 'react';
import { useHasScope } from '../auth/use-session';
import { Forbidden } from '../ui/states';

export function AdminOnly({ children }: { children: ReactNode }) {
  return useHasScope('admin') ? children : <Forbidden />;
}
