import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useState } from 'react';
import { useSession } from '../auth/use-session';
import { type Api, ApiError, createApi } from './client';

const ApiContext = createContext<Api | null>(null);
const MAX_RETRIES = 3;

export function ApiProvider({ children }: { children: ReactNode }) {
  const session = useSession();
  const [api] = useState(() => createApi(session));
  const [queries] = useState(() => new QueryClient({ defaultOptions: { queries: { retry, staleTime: 5_000 } } }));
  return (
    <ApiContext value={api}>
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </ApiContext>
  );
}

export function useApi(): Api {
  const api = use(ApiContext);
  if (!api) throw new Error('useApi needs an ApiProvider');
  return api;
}

/** Repeating what the server has understood and refused does not help. */
function retry(failures: number, error: Error): boolean {
  const isRefused = error instanceof ApiError && error.status >= 400 && error.status < 500;
  return !isRefused && failures < MAX_RETRIES;
}
