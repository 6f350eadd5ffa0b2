import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { startSession } from './auth/session';
import './ui/tokens.css';
import './ui/base.css';

const root = document.getElementById('root');
if (root) {
  const session = await startSession();
  createRoot(root).render(
    <StrictMode>
      <App session={session} />
    </StrictMode>,
  );
}
