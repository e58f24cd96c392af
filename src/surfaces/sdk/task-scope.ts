import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";

/** Who the calls of a piece of work are attributed to. */
export interface TaskOptions {
  /** The task's id; made up when absent. */
  readonly id?: string;
  readonly agent?: string;
  readonly user?: string;
  readonly type?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A task that is running. */
export interface TaskHandle {
  readonly id: string;
  readonly name: string;
}

interface Scope extends TaskOptions {
  readonly id: string;
}

/** Scopes nest: a task inside a task is its own task, by its own id, and inherits agent, user and tags. */
export interface TaskScopes {
  run<T>(name: string, options: TaskOptions, work: (task: TaskHandle) => Promise<T>): Promise<T>;
  /** Attribution headers of the scope that is current here; empty outside any. */
  headers(): Record<string, string>;
}

/** Opens scopes; `defaults` attribute what runs outside any task. */
export function openTaskScopes(defaults: { agent?: string }): TaskScopes {
  const storage = new AsyncLocalStorage<Scope>();
  return {
    run(name, options, work) {
      const outer = storage.getStore();
      const id = options.id ?? `${name}-${randomBytes(6).toString("hex")}`;
      return storage.run({ ...outer, type: name, ...options, id }, () => work({ id, name }));
    },
    headers() {
      const scope = storage.getStore();
      const agent = scope?.agent ?? defaults.agent;
      const tags = Object.entries(scope?.tags ?? {}).map(([key, value]) => `${key}=${value}`);
      return {
        ...(agent === undefined ? {} : { "x-bursar-agent": agent }),
        ...(scope === undefined ? {} : { "x-bursar-task": scope.id }),
        ...(scope?.type === undefined ? {} : { "x-bursar-task-type": scope.type }),
        ...(scope?.user === undefined ? {} : { "x-bursar-user": scope.user }),
        ...(tags.length === 0 ? {} : { "x-bursar-tags": tags.join(",") }),
      };
    },
  };
}
