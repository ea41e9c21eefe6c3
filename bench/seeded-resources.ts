import { SeededRandom } from '#testing';

/**
 * A seeded generator of Patients and Observations that look like a clinic's: names with repetition, identifiers without,
 * LOINC-coded vital signs. The same seed gives the same resources on every machine.
 */
type Resource = Record<string, unknown> & { resourceType: string };

const FAMILY = [
  'Adeyemi',
  'Bauer',
  'Castro',
  'Dubois',
  'Eriksen',
  'Ferrari',
  'Garcia',
  'Haddad',
  'Ito',
  'Jansen',
  'Kaur',
  'Lopez',
];
const GIVEN = [
  'Ana',
  'Ben',
  'Chloe',
  'David',
  'Elif',
  'Femi',
  'Greta',
  'Hugo',
  'Ines',
  'Jonas',
  'Kim',
  'Lena',
  'Mia',
  'Noah',
];
const CITIES = ['Antwerp', 'Bergen', 'Cadiz', 'Dresden', 'Evora', 'Ghent'];
const VITALS = [
  { code: '8867-4', display: 'Heart rate', unit: '/min', low: 50, span: 70 },
  { code: '9279-1', display: 'Respiratory rate', unit: '/min', low: 10, span: 15 },
  { code: '8310-5', display: 'Body temperature', unit: 'Cel', low: 36, span: 4 },
  { code: '29463-7', display: 'Body weight', unit: 'kg', low: 45, span: 70 },
] as const;

/** Numbers in [0, 1), the same for the same seed. */
export function seededRandom(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}

const pick = <T>(random: () => number, values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
const twoDigits = (value: number): string => String(value).padStart(2, '0');
const day = (random: () => number, firstYear: number, years: number): string =>
  `${firstYear + Math.floor(random() * years)}-${twoDigits(1 + Math.floor(random() * 12))}-${twoDigits(1 + Math.floor(random() * 28))}`;

/** The `index`-th Patient: about 700 bytes. */
export function patient(random: () => number, index: number): Resource {
  return {
    resourceType: 'Patient',
    identifier: [
      { use: 'usual', system: 'urn:boxyard:bench:mrn', value: `mrn-${index}` },
      { system: 'urn:boxyard:bench:insurance', value: `ins-${Math.floor(random() * 1e9)}` },
    ],
    active: true,
    name: [{ use: 'official', family: pick(random, FAMILY), given: [pick(random, GIVEN), pick(random, GIVEN)] }],
    telecom: [{ system: 'phone', value: `+32 2 ${Math.floor(random() * 1e7)}`, use: 'home' }],
    gender: pick(random, ['female', 'male', 'other']),
    birthDate: day(random, 1930, 90),
    address: [
      {
        use: 'home',
        line: [`${1 + Math.floor(random() * 200)} Quay Street`],
        city: pick(random, CITIES),
        country: 'BE',
      },
    ],
  };
}

/** A vital-sign Observation about `subject` (a literal reference): about 600 bytes. */
function observation(random: () => number, subject: string): Resource {
  const vital = pick(random, VITALS);
  const value = Number((vital.low + random() * vital.span).toFixed(1));
  return {
    resourceType: 'Observation',
    status: 'final',
    category: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/observation-category',
            code: 'vital-signs',
            display: 'Vital Signs',
          },
        ],
      },
    ],
    code: { coding: [{ system: 'http://loinc.org', code: vital.code, display: vital.display }], text: vital.display },
    subject: { reference: subject },
    effectiveDateTime: `${day(random, 2020, 6)}T${twoDigits(Math.floor(random() * 24))}:${twoDigits(Math.floor(random() * 60))}:00Z`,
    valueQuantity: { value, unit: vital.unit, system: 'http://unitsofmeasure.org', code: vital.unit },
  };
}

/**
 * A transaction Bundle of `size` creates: one Patient and `observationsEach` Observations about it, over and over.
 * `metaOf` gives the `meta` of the Patient at a position.
 */
export function transactionBundle(
  random: () => number,
  firstIndex: number,
  size: number,
  observationsEach = 3,
  metaOf?: (position: number) => object,
): string {
  const entry: unknown[] = [];
  let fullUrl = '';
  for (let position = 0; position < size; position++) {
    if (position % (1 + observationsEach) === 0) {
      fullUrl = `urn:uuid:00000000-0000-4000-8000-${String(firstIndex + position).padStart(12, '0')}`;
      entry.push({
        fullUrl,
        resource: { ...patient(random, firstIndex + position), ...(metaOf && { meta: metaOf(firstIndex + position) }) },
        request: { method: 'POST', url: 'Patient' },
      });
    } else {
      entry.push({ resource: observation(random, fullUrl), request: { method: 'POST', url: 'Observation' } });
    }
  }
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}

/** Positions 0..size-1 drawn with probability proportional to 1/(rank+1): few tenants get most of the traffic. */
export function zipf(random: () => number, size: number): () => number {
  const cumulative: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= size; rank++) cumulative.push((sum += 1 / rank));
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = size - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
