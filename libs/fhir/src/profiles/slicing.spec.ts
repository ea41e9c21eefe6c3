import type { JsonObject } from '../json/json-value.js';
import { compiled, definition, urlOf, wrongs } from './profile.fixture.js';

const loinc = 'http://loinc.example';
const coded = (code: string): JsonObject => ({ coding: [{ system: loinc, code }] });

/** An Observation with these components by code, each with a quantity of that unit. */
const panel = (...components: [code: string, unit?: string][]): JsonObject => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  component: components.map(([code, unit]) => ({
    code: coded(code),
    ...(unit === undefined ? {} : { valueQuantity: { unit } }),
  })),
});

const pressure = (slicing: JsonObject, ...more: JsonObject[]): JsonObject[] => [
  definition('pressure', 'Observation', [
    { path: 'Observation.component', slicing },
    { path: 'Observation.component', sliceName: 'high', min: 1, max: '1' },
    { path: 'Observation.component.code', patternCodeableConcept: coded('h') },
    { path: 'Observation.component.value[x]', min: 1, type: [{ code: 'Quantity' }] },
    { path: 'Observation.component.value[x].unit', fixedString: 'mm' },
    { path: 'Observation.component', sliceName: 'low', min: 0, max: '1' },
    { path: 'Observation.component.code', patternCodeableConcept: coded('l') },
    ...more,
  ]),
];
const byCode = (rules: string, type = 'pattern'): JsonObject => ({ discriminator: [{ type, path: 'code' }], rules });

describe('slices', () => {
  it.each<[string, JsonObject, JsonObject, string[]]>([
    ['must be there', byCode('open'), panel(['l']), ["Observation.component must have the slice 'high'"]],
    [
      'may be there as often as they say',
      byCode('open'),
      panel(['h', 'mm'], ['l'], ['l']),
      ["Observation.component has too many of the slice 'low'"],
    ],
    [
      'hold for the values that belong to them',
      byCode('open'),
      panel(['l'], ['h', 'kPa']),
      ['Observation.component[1].value.unit must be "mm"'],
    ],
    ['say nothing of other values when they are open', byCode('open'), panel(['h', 'mm'], ['x', 'y']), []],
    [
      'are all that there may be when they are closed',
      byCode('closed'),
      panel(['x'], ['h', 'mm']),
      ['Observation.component[0] belongs to none of the slices that there may be'],
    ],
    [
      'come first when they are open at the end',
      byCode('openAtEnd'),
      panel(['h', 'mm'], ['x'], ['l'], ['y']),
      ['Observation.component[1] must stand behind those that belong to a slice'],
    ],
    ['can be told by value', byCode('closed', 'value'), panel(['h', 'mm'], ['l']), []],
    [
      'can be told by a part of a pattern',
      { discriminator: [{ type: 'value', path: 'code.coding.code' }], rules: 'closed' },
      panel(['h', 'kPa'], ['l']),
      ['Observation.component[0].value.unit must be "mm"'],
    ],
    [
      'are not checked by what is not supported',
      { discriminator: [{ type: 'profile', path: '$this' }], rules: 'closed' },
      panel(['x']),
      [],
    ],
    [
      'are not checked by paths that are not followed',
      { discriminator: [{ type: 'value', path: 'code.resolve().x' }], rules: 'closed' },
      panel(['x']),
      [],
    ],
    ['are not checked without a discriminator', { rules: 'closed' }, panel(['x']), []],
  ])('%s', (_, slicing, resource, expected) => {
    expect(wrongs(pressure(slicing), resource)).toEqual(expected);
  });

  it.each(['code', 'code.coding.code'])('can be told by slices that they must have, at the path %s', (path) => {
    const coding = (code: string) => [
      {
        path: 'Observation.component.code.coding',
        slicing: { discriminator: [{ type: 'value', path: 'code' }], rules: 'open' },
      },
      { path: 'Observation.component.code.coding', sliceName: code, min: 1 },
      { path: 'Observation.component.code.coding.code', min: 1, fixedCode: code },
    ];
    const profile = definition('p', 'Observation', [
      { path: 'Observation.component', slicing: { discriminator: [{ type: 'value', path }], rules: 'closed' } },
      { path: 'Observation.component', sliceName: 'high', min: 1 },
      ...coding('h'),
      { path: 'Observation.component', sliceName: 'low', min: 1 },
      ...coding('l'),
    ]);
    expect(wrongs([profile], panel(['l'], ['h']))).toEqual([]);
    expect(wrongs([profile], panel(['h'], ['x']))).toEqual([
      "Observation.component must have the slice 'low'",
      'Observation.component[1] belongs to none of the slices that there may be',
    ]);
  });

  it('that are not all known do not tell which values there may be', () => {
    const unknown = { path: 'Observation.component', sliceName: 'other', min: 1 };
    const profile = pressure(byCode('closed'), unknown);
    expect(wrongs(profile, panel(['x'], ['h', 'mm']))).toEqual([]);
    expect(compiled(profile[0] ?? {}).notes).toEqual([
      "Observation.component: the slice 'other' is not checked: it does not say which value 'code' has.",
    ]);
  });

  it('can have one for all others', () => {
    const rest = [
      { path: 'Observation.component', sliceName: '@default', max: '1' },
      { path: 'Observation.component.value[x]', max: '0' },
    ];
    const profile = pressure(byCode('closed'), ...rest);
    expect(wrongs(profile, panel(['h', 'mm'], ['x']))).toEqual([]);
    expect(wrongs(profile, panel(['h', 'mm'], ['x', 'y'], ['z']))).toEqual([
      "Observation.component has too many of the slice '@default'",
      'Observation.component[1].value must not be there',
    ]);
  });

  it('are told by the value itself', () => {
    const category = definition('p', 'Observation', [
      { path: 'Observation.category', slicing: { discriminator: [{ type: 'pattern', path: '$this' }], rules: 'open' } },
      { path: 'Observation.category', sliceName: 'lab', min: 1, patternCodeableConcept: coded('lab') },
    ]);
    const of = (...category: JsonObject[]) => ({ ...panel(['x']), category });
    expect(wrongs([category], of({ text: 'x' }, coded('lab')))).toEqual([]);
    expect(wrongs([category], of({ text: 'x' }))).toEqual(["Observation.category must have the slice 'lab'"]);
  });

  it('are told by a required binding whose codes are known', () => {
    const names = definition('p', 'Patient', [
      { path: 'Patient.telecom', slicing: { discriminator: [{ type: 'value', path: 'system' }], rules: 'open' } },
      { path: 'Patient.telecom', sliceName: 'any', min: 1 },
      {
        path: 'Patient.telecom.system',
        min: 1,
        binding: { strength: 'required', valueSet: 'http://hl7.org/fhir/ValueSet/contact-point-system' },
      },
    ]);
    expect(wrongs([names], { resourceType: 'Patient', telecom: [{ value: '1' }] })).toEqual([
      "Patient.telecom must have the slice 'any'",
    ]);
    expect(wrongs([names], { resourceType: 'Patient', telecom: [{ system: 'phone' }] })).toEqual([]);
  });

  it('are told by what is there', () => {
    const profile = definition('p', 'Patient', [
      {
        path: 'Patient.contact',
        slicing: { discriminator: [{ type: 'exists', path: 'organization' }], rules: 'open' },
      },
      { path: 'Patient.contact', sliceName: 'work' },
      { path: 'Patient.contact.organization', min: 1 },
      { path: 'Patient.contact.name', max: '0' },
      { path: 'Patient.contact', sliceName: 'home', max: '1' },
      { path: 'Patient.contact.organization', max: '0' },
      { path: 'Patient.contact.name', min: 1 },
    ]);
    const contact = [
      { name: { text: 'x' }, organization: { display: 'y' } },
      { gender: 'other' },
      { name: { text: 'z' } },
    ];
    expect(wrongs([profile], { resourceType: 'Patient', contact })).toEqual([
      'Patient.contact[0].name must not be there',
      "Patient.contact has too many of the slice 'home'",
      'Patient.contact[1].name is required',
    ]);
  });

  it('of a choice are told by the type, said or not', () => {
    const by = (slicing: JsonObject) =>
      definition('p', 'Observation', [
        { path: 'Observation.value[x]', ...slicing },
        { path: 'Observation.value[x]', sliceName: 'valueQuantity', min: 0, type: [{ code: 'Quantity' }] },
        { path: 'Observation.value[x].unit', min: 1 },
      ]);
    for (const slicing of [{}, { slicing: { discriminator: [{ type: 'type', path: '$this' }], rules: 'closed' } }]) {
      const { component: _, ...rest } = panel();
      expect(wrongs([by(slicing)], { ...rest, valueQuantity: { value: 1 } })).toEqual([
        'Observation.value.unit is required',
      ]);
    }
    expect(
      wrongs([by({ slicing: { discriminator: [{ type: 'type', path: '$this' }], rules: 'closed' } })], {
        ...panel(),
        valueString: 'x',
      }),
    ).toEqual(['Observation.value belongs to none of the slices that there may be']);
  });

  it('of entries are told by the types of their resources', () => {
    const profile = definition('p', 'Bundle', [
      { path: 'Bundle.entry', slicing: { discriminator: [{ type: 'type', path: 'resource' }], rules: 'open' } },
      { path: 'Bundle.entry', sliceName: 'patient', min: 1 },
      { path: 'Bundle.entry.resource', type: [{ code: 'Patient' }] },
      { path: 'Bundle.entry.resource.name', min: 1 },
    ]);
    const bundle = (...entry: JsonObject[]) => ({ resourceType: 'Bundle', type: 'collection', entry });
    expect(wrongs([profile], bundle({ resource: panel() }))).toEqual(["Bundle.entry must have the slice 'patient'"]);
    expect(wrongs([profile], bundle({ resource: panel() }, { resource: { resourceType: 'Patient' } }))).toEqual([
      'Bundle.entry[1].resource.name is required',
    ]);
  });
});

describe('slices of extensions', () => {
  const birthPlace = definition('birth-place', 'Extension', [
    { path: 'Extension.url', fixedUri: urlOf('birth-place') },
    { path: 'Extension.extension', max: '0' },
    { path: 'Extension.value[x]', min: 1, type: [{ code: 'Address' }] },
  ]);
  const patient = (slicing: JsonObject = {}) =>
    definition('p', 'Patient', [
      { path: 'Patient.extension', ...slicing },
      {
        path: 'Patient.extension',
        sliceName: 'birthPlace',
        min: 1,
        max: '1',
        type: [{ code: 'Extension', profile: [urlOf('birth-place')] }],
      },
    ]);
  const someone = (...extension: JsonObject[]) => ({ resourceType: 'Patient', extension });
  const other = { url: 'http://other.example', valueCode: 'x' };

  it('are told by the url of their profile, whether the slicing says so or not', () => {
    for (const slicing of [{}, { slicing: { discriminator: [{ type: 'value', path: 'url' }], rules: 'open' } }]) {
      expect(wrongs([patient(slicing), birthPlace], someone(other))).toEqual([
        "Patient.extension must have the slice 'birthPlace'",
      ]);
      expect(
        wrongs(
          [patient(slicing), birthPlace],
          someone(other, { url: urlOf('birth-place'), valueAddress: { city: 'x' } }),
        ),
      ).toEqual([]);
      expect(wrongs([patient(slicing), birthPlace], someone({ url: urlOf('birth-place'), valueString: 'x' }))).toEqual([
        'Patient.extension[0].value must be of type Address',
      ]);
    }
  });

  it('are told by a url that the slice itself prescribes', () => {
    const inner = definition('p', 'Patient', [
      { path: 'Patient.extension', slicing: { discriminator: [{ type: 'value', path: 'url' }], rules: 'closed' } },
      { path: 'Patient.extension', sliceName: 'place', max: '1' },
      { path: 'Patient.extension.url', fixedUri: 'http://other.example' },
      { path: 'Patient.extension.value[x]', type: [{ code: 'code' }] },
    ]);
    expect(wrongs([inner], someone(other))).toEqual([]);
    expect(wrongs([inner], someone({ url: 'http://x.example', valueCode: 'x' }))).toEqual([
      'Patient.extension[0] belongs to none of the slices that there may be',
    ]);
  });

  it('can tell other slices', () => {
    const profile = definition('p', 'Patient', [
      {
        path: 'Patient.identifier',
        slicing: { discriminator: [{ type: 'value', path: "extension('http://other.example').value" }], rules: 'open' },
      },
      { path: 'Patient.identifier', sliceName: 'main' },
      {
        path: 'Patient.identifier.extension',
        slicing: { discriminator: [{ type: 'value', path: 'url' }], rules: 'open' },
      },
      { path: 'Patient.identifier.extension', sliceName: 'kind', min: 1 },
      { path: 'Patient.identifier.extension.url', fixedUri: 'http://other.example' },
      { path: 'Patient.identifier.extension.value[x]', fixedCode: 'x' },
      { path: 'Patient.identifier.system', min: 1 },
    ]);
    const identifier = [{ extension: [other], value: '1' }, { value: '2' }];
    expect(wrongs([profile], { resourceType: 'Patient', identifier })).toEqual([
      'Patient.identifier[0].system is required',
    ]);
  });

  it('of a primitive stand beside its value', () => {
    const profile = definition('p', 'Patient', [
      {
        path: 'Patient.birthDate.extension',
        sliceName: 'place',
        min: 1,
        type: [{ code: 'Extension', profile: [urlOf('birth-place')] }],
      },
    ]);
    const born = (...extension: JsonObject[]) => ({
      resourceType: 'Patient',
      birthDate: '1980',
      _birthDate: { extension },
    });
    expect(wrongs([profile, birthPlace], born(other))).toEqual([
      "Patient.birthDate.extension must have the slice 'place'",
    ]);
    expect(wrongs([profile, birthPlace], born({ url: urlOf('birth-place'), valueString: 'x' }))).toEqual([
      'Patient.birthDate.extension[0].value must be of type Address',
    ]);
  });
});
