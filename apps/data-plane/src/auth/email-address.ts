/**
 * Somebody's address. Which addresses exist only a mail server knows; what could not be one, or would mean several, is
 * refused (the length: RFC 5321 section 4.5.3.1).
 */
const EMAIL = /^[^\s\p{C}@<>(),;:"]{1,64}@[^\s\p{C}@<>(),;:"]{1,189}$/u;

/** Whether a text can be the address of one person. */
export const isAddress = (text: string): boolean => EMAIL.test(text);
