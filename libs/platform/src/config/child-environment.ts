/** The environment for a process of ours that this one starts: its own, with these variables set (or unset) in it. */
export function childEnvironment(variables: Record<string, string | undefined>): NodeJS.ProcessEnv {
  return { ...process.env, ...variables };
}
