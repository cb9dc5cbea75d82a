// Which alerts still wait for a guard's word.

/** Raised, or over, and nobody here has said "I know". */
export const wantsWord = (alert) => alert.state === "unack" || alert.state === "rtnun";
