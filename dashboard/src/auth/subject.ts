/** Whom an access token is about: the claim `sub` of a JWT, null of any other token. It is not verified here. */
export function subjectOf(accessToken: string): string | null {
  try {
    const claims = JSON.parse(atob((accessToken.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')));
    return typeof claims.sub === 'string' ? claims.sub : null;
  } catch {
    return null;
  }
}
