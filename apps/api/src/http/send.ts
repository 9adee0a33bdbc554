import type { FastifyReply } from 'fastify';
import type { Rendered } from './dialect.js';

export function send(reply: FastifyReply, rendered: Rendered): void {
  reply.code(rendered.status);
  if (rendered.headers) reply.headers(rendered.headers);
  void reply.send(rendered.body);
}
