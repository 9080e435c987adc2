/** What a cloud holds: records by id that refer to each other by id, as OpenStack's services check it. */
import { randomUUID } from "node:crypto";
import type { Made, ResourceType, StepContext } from "../../../engine/embedded/resource-type";
import type { Properties, Value } from "../../../engine/embedded/values";

/** One thing in the cloud. */
export interface CloudRecord {
  readonly id: string;
  /** `networking/network:Network` and the like. */
  readonly type: string;
  readonly properties: Properties;
}

export interface CloudRecords {
  find(id: string): CloudRecord | undefined;
  /** All of a type, in the order in which they were made. */
  all(type?: string): readonly CloudRecord[];
  add(record: CloudRecord): void;
  remove(id: string): void;
}

/** What differs from type to type. */
export interface RecordKind {
  /** Inputs whose change makes a new one. */
  readonly replaceOn: readonly string[] | "all";
  /** Outputs that are no inputs. */
  readonly outputs?: readonly string[];
  /** What the cloud adds to a new one. */
  readonly complete?: (inputs: Properties, name: string) => Properties;
  /** The one step that is more than a record; what it gives back is added to the record. */
  readonly made?: (record: CloudRecord, context: StepContext) => Promise<Properties>;
  readonly deleted?: (record: CloudRecord) => Promise<void>;
}

export function cloudRecords(): CloudRecords {
  const records = new Map<string, CloudRecord>();
  return {
    find: (id) => records.get(id),
    all: (type) =>
      [...records.values()].filter((record) => type === undefined || record.type === type),
    add: (record) => void records.set(record.id, record),
    remove: (id) => void records.delete(id),
  };
}

/** A resource type of the embedded engine whose resources are records. */
export function recordType(records: CloudRecords, type: string, kind: RecordKind): ResourceType {
  const { replaceOn, outputs = [], complete, made, deleted } = kind;
  return {
    outputs: ["name", ...outputs],
    replaceOn,
    async create(name, inputs, context): Promise<Made> {
      refuseUnknown(records, inputs);
      const id = randomUUID();
      const properties = { name, ...inputs, ...complete?.(inputs, name) };
      const record = { id, type, properties };
      records.add(record);
      if (made === undefined) return { id, outputs: properties };
      try {
        const added = await made(record, context);
        records.add({ ...record, properties: { ...properties, ...added } });
        return { id, outputs: { ...properties, ...added } };
      } catch (error) {
        records.remove(id);
        throw error;
      }
    },
    update(id, olds, inputs) {
      refuseUnknown(records, inputs);
      const properties = { ...olds, ...inputs };
      records.add({ id, type, properties });
      return Promise.resolve(properties);
    },
    async delete(id) {
      const record = records.find(id);
      if (record === undefined) return; // 404 is as good as done
      const user = records.all().find((other) => other.id !== id && mentions(other.properties, id));
      if (user !== undefined) {
        throw new Error(`409 Conflict: ${type} ${id} is in use by ${user.type} ${user.id}`);
      }
      await deleted?.(record);
      records.remove(id);
    },
  };
}

/** Every input that is called an id must be one of something that is there. */
function refuseUnknown(records: CloudRecords, inputs: Properties): void {
  for (const [key, value] of Object.entries(inputs)) {
    const ids = /Ids?$/.test(key) ? [value].flat() : [];
    for (const id of ids) {
      if (typeof id !== "string" || records.find(id) === undefined) {
        throw new Error(`404 Not Found: ${key} ${JSON.stringify(id)} is not known here`);
      }
    }
  }
}

function mentions(value: Value, id: string): boolean {
  if (typeof value === "object" && value !== null) {
    return Object.values(value).some((item: Value) => mentions(item, id));
  }
  return value === id;
}
