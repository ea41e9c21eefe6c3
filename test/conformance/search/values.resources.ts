import type { JsonObject } from '#fhir';

const ucum = 'http://unitsofmeasure.org';
const loinc = 'http://loinc.org';

const quantity = (value: number, code: string, more: JsonObject = {}): JsonObject => ({
  value,
  unit: code,
  system: ucum,
  code,
  ...more,
});

const observation = (id: string, members: JsonObject): JsonObject => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding: [{ system: loinc, code: 'w' }] },
  ...members,
});

const component = (code: string, members: JsonObject): JsonObject => ({
  code: { coding: [{ system: loinc, code }] },
  ...members,
});

const risk = (id: string, probabilities: readonly number[]): JsonObject => ({
  resourceType: 'RiskAssessment',
  id,
  status: 'final',
  subject: { reference: 'Patient/p' },
  prediction: probabilities.map((probabilityDecimal) => ({ probabilityDecimal })),
});

/** Numbers, quantities and composites; what differs between the versions is given by `label`. */
export function measurements(label: string): readonly JsonObject[] {
  return [
    risk('r50', [50]),
    risk('r49', [49.5]),
    risk('r505', [50.5]),
    risk('r44', [44]),
    risk('r56', [56]),
    risk('small', [0.005]),
    risk('two', [5, 48]),
    risk('negative', [-7]),
    observation('g1', { valueQuantity: quantity(1, 'g') }),
    observation('mg1000', { valueQuantity: quantity(1000, 'mg'), code: { coding: [{ system: loinc, code: 'x' }] } }),
    observation('mg5', { valueQuantity: quantity(5.4, 'mg') }),
    observation('below', { valueQuantity: quantity(5, 'mmol/L', { comparator: '<' }) }),
    observation('above', { valueQuantity: quantity(5, 'mmol/L', { comparator: '>=' }) }),
    observation('iu', { valueQuantity: quantity(30, '[iU]/L') }),
    observation('drops', { valueQuantity: { value: 5.4, unit: 'drops' } }),
    observation('own', { valueQuantity: { value: 5.4, unit: 'drop', system: 'http://units.example', code: 'gtt' } }),
    observation('ekg', {
      valueSampledData: {
        origin: quantity(0, 'uV'),
        ...(label === 'R5' ? { interval: 10, intervalUnit: 'ms' } : { period: 10 }),
        factor: 2,
        lowerLimit: -3300,
        dimensions: 1,
        data: '4 -6 E 20 L',
      },
    }),
    observation('warm', { valueQuantity: quantity(37, 'Cel') }),
    observation('bp', {
      code: { coding: [{ system: loinc, code: 'bp' }] },
      component: [
        component('sys', { valueQuantity: quantity(120, 'mm[Hg]') }),
        component('dia', { valueQuantity: quantity(80, 'mm[Hg]') }),
        component('arm', { valueCodeableConcept: { coding: [{ system: 'http://arm.example', code: 'left' }] } }),
      ],
    }),
    observation('bp2', {
      code: { coding: [{ system: loinc, code: 'bp' }] },
      component: [
        component('sys', { valueQuantity: quantity(80, 'mm[Hg]') }),
        component('dia', { valueQuantity: quantity(120, 'mm[Hg]') }),
        component('left', { valueCodeableConcept: { coding: [{ system: 'http://arm.example', code: 'arm' }] } }),
      ],
    }),
    observation('dated', { valueDateTime: '2024-03-01' }),
    observation('worded', { valueString: 'Clear fluid' }),
    observation('coded', {
      valueCodeableConcept: {
        coding: [
          { system: 'http://v.example', code: 'neg' },
          { system: 'http://w.example', code: '0' },
        ],
      },
    }),
    {
      resourceType: 'Invoice',
      id: 'bill',
      status: 'issued',
      totalNet: { value: 40.22, currency: 'EUR' },
    },
    {
      resourceType: 'Condition',
      id: 'aged',
      ...(label === 'R5' ? { clinicalStatus: { coding: [{ code: 'active' }] } } : {}),
      subject: { reference: 'Patient/p' },
      onsetRange: { low: quantity(40, 'a'), high: quantity(50, 'a') },
    },
    {
      resourceType: 'Condition',
      id: 'monthsOld',
      ...(label === 'R5' ? { clinicalStatus: { coding: [{ code: 'active' }] } } : {}),
      subject: { reference: 'Patient/p' },
      onsetAge: quantity(540, 'mo'),
    },
    {
      resourceType: 'ValueSet',
      id: 'adults',
      status: 'draft',
      useContext: [
        { code: { system: 'http://ctx.example', code: 'age' }, valueQuantity: quantity(18, 'a') },
        {
          code: { system: 'http://ctx.example', code: 'focus' },
          valueCodeableConcept: { coding: [{ system: 'http://focus.example', code: 'heart' }] },
        },
      ],
    },
    ...(label === 'R5' ? onlyR5 : onlyR4),
  ];
}

const onlyR4: readonly JsonObject[] = [
  {
    resourceType: 'MolecularSequence',
    id: 'crossed',
    coordinateSystem: 0,
    referenceSeq: {
      genomeBuild: 'GRCh38',
      chromosome: { coding: [{ system: 'http://chr.example', code: '1' }] },
      windowStart: 10,
      windowEnd: 500,
    },
    variant: [
      { start: 100, end: 110 },
      { start: 200, end: 210 },
    ],
  },
  {
    resourceType: 'DocumentReference',
    id: 'newer',
    status: 'current',
    content: [{ attachment: { title: 'x' } }],
    relatesTo: [
      { code: 'replaces', target: { reference: 'DocumentReference/older' } },
      { code: 'appends', target: { reference: 'DocumentReference/other' } },
    ],
  },
];

const onlyR5: readonly JsonObject[] = [
  {
    resourceType: 'Encounter',
    id: 'moved',
    status: 'completed',
    location: [
      { location: { reference: 'Location/a' }, period: { start: '2024-01-01', end: '2024-01-05' } },
      { location: { reference: 'Location/b' }, period: { start: '2024-06-01', end: '2024-06-02' } },
    ],
  },
  {
    resourceType: 'Ingredient',
    id: 'syrup',
    status: 'active',
    role: { coding: [{ code: 'active' }] },
    substance: {
      code: { concept: { text: 'x' } },
      strength: [
        { concentrationRatio: { numerator: quantity(250, 'mg'), denominator: quantity(5, 'mL') } },
        { concentrationRatio: { numerator: quantity(500, 'mg'), denominator: quantity(10, 'mL') } },
      ],
    },
  },
  {
    resourceType: 'Device',
    id: 'pump',
    conformsTo: [
      { specification: { coding: [{ system: 'http://spec.example', code: 'hl7' }] }, version: '2.5.1' },
      { specification: { coding: [{ system: 'http://spec.example', code: 'ieee' }] }, version: '11073' },
    ],
  },
  {
    resourceType: 'DocumentReference',
    id: 'newer',
    status: 'current',
    content: [{ attachment: { title: 'x' } }],
    relatesTo: [
      { code: { coding: [{ code: 'replaces' }] }, target: { reference: 'DocumentReference/older' } },
      { code: { coding: [{ code: 'appends' }] }, target: { reference: 'DocumentReference/other' } },
    ],
  },
];

/** Texts that people read, and Lists. */
export function texts(): readonly JsonObject[] {
  return [
    {
      resourceType: 'Observation',
      id: 'chest',
      status: 'final',
      text: {
        status: 'generated',
        div: '<div xmlns="http://www.w3.org/1999/xhtml"><p>Röntgen &amp; <b class="shadow">Thorax</b></p></div>',
      },
      identifier: [
        {
          type: { coding: [{ system: 'http://id.example', code: 'ACSN' }], text: 'Accession number' },
          system: 'http://acc.example',
          value: 'A-1',
        },
        { type: { coding: [{ system: 'http://id.example', code: 'FILL' }] }, value: 'A-2' },
      ],
      code: {
        coding: [{ system: 'http://loinc.org', code: '36643-5', display: 'Chest X-ray' }],
        text: 'X-Ray of chest',
      },
      subject: { reference: 'Patient/p', display: 'Ana Ångström' },
      note: [{ text: 'No pneumothorax. Compare with the earlier image.' }],
    },
    {
      resourceType: 'Observation',
      id: 'knee',
      status: 'amended',
      text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Knee; thorax not seen</div>' },
      identifier: [{ type: { coding: [{ system: 'http://id.example', code: 'ACSN' }] }, value: 'A-2' }],
      code: { text: 'Knee image' },
      subject: { reference: 'Group/g', display: 'Bob' },
    },
    { resourceType: 'Observation', id: 'plain', status: 'final', code: { coding: [{ code: '36643-5' }] } },
    {
      resourceType: 'List',
      id: 'watched',
      status: 'current',
      mode: 'changes',
      entry: [
        { item: { reference: 'Observation/chest' } },
        { item: { reference: 'Observation/knee' }, deleted: true },
        { item: { reference: 'Patient/p' } },
      ],
    },
    {
      resourceType: 'List',
      id: 'others',
      status: 'current',
      mode: 'working',
      entry: [{ item: { reference: 'Observation/plain/_history/1' } }],
    },
    { resourceType: 'Patient', id: 'p', name: [{ family: 'Van der Berg', given: ['Ana Maria'] }] },
  ];
}
