import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { startSession } from './auth/session';
import { Failed } from './ui/states';
import './ui/tokens.css';
import './ui/base.css';

const element = document.getElementById('root');
if (element) {
  const root = createRoot(element);
  try {
    const session = await startSession();
    // Nothing of somebody who is signed out stays in memory, not even what libraries keep.
    session.subscribe(() => !session.state().scopes && location.reload());
    root.render(
      <StrictMode>
        <App session={session} />
      </StrictMode>,
    );
  } catch (error) {
    root.render(<Failed error={error as Error} onRetry={() => location.reload()} />);
  }
}
