// From a request to its handler and back to an answer. A handler returns its response, a promise of
// it, or nothing if it will call `connection.respond` itself later (long polls, group commit).

import { describeError, MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { RESPONSE } from './codes.ts'
import type { Command, Response } from './command.ts'
import type { Connection } from './connection.ts'
import { wireCode } from './wire-errors.ts'

export type RequestHandler = (
  request: Command,
  connection: Connection,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement answers later
) => Response | Promise<Response> | void

export type Handlers = ReadonlyMap<number, RequestHandler>

/** Answers that need no thought. */
export const SUCCESS: Response = { code: RESPONSE.success }

export function dispatch(
  handlers: Handlers,
  logger: Logger,
  request: Command,
  connection: Connection,
): void {
  const handler = handlers.get(request.code)
  if (handler === undefined) {
    connection.respond(request, {
      code: RESPONSE.notSupported,
      remark: ` request type ${request.code} not supported`,
    })
    return
  }
  const fail = (error: unknown): void => {
    connection.respond(request, responseForError(error, logger, request))
  }
  try {
    const result = handler(request, connection)
    if (result === undefined) return
    if (result instanceof Promise) {
      result.then((response) => connection.respond(request, response), fail)
    } else {
      connection.respond(request, result)
    }
  } catch (error) {
    fail(error)
  }
}

/** What is told to the peer; the log gets the cause of what nobody expected. */
export function responseForError(error: unknown, logger: Logger, request: Command): Response {
  if (error instanceof MqError) return { code: wireCode(error), remark: error.message }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  logger.error(`request ${request.code} failed: ${detail}`)
  return { code: RESPONSE.systemError, remark: describeError(error) }
}
