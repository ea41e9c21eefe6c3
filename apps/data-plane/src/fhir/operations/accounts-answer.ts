/** The text with which `$set-accounts` says how many resources it has filed. */
export function accountsAnswer(resourcesUpdated: number): string {
  const parameter = [{ name: 'resourcesUpdated', valueInteger: resourcesUpdated }];
  return JSON.stringify({ resourceType: 'Parameters', parameter });
}
