/** What an access token says: the claims of a JWT. They are not verified here. Throws when it is none. */
export function claimsOf(accessToken: string): Record<string, unknown> {
  return JSON.parse(atob((accessToken.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')));
}

/** Whom an access token is about: the claim `sub`; null when it does not tell. */
export function subjectOf(accessToken: string): string | null {
  try {
    const { sub } = claimsOf(accessToken);
    return typeof sub === 'string' ? sub : null;
  } catch {
    return null;
  }
}
