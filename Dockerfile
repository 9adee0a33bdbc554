# One image for every process; docker-compose.yml says which one runs.
FROM node:24-slim AS build
WORKDIR /purser
COPY package.json package-lock.json .npmrc ./
# Optional packages are the embedded servers of `npm run stack`; in containers those are services of their own.
RUN npm ci --omit=optional --ignore-scripts && npm rebuild secp256k1
COPY tsconfig.json ./
COPY apps apps
COPY libs libs
COPY test test
COPY vitest.config.ts ./
RUN node node_modules/typescript-native/bin/tsc -p tsconfig.json && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /purser
COPY --from=build /purser/package.json /purser/package-lock.json ./
COPY --from=build /purser/node_modules node_modules
COPY --from=build /purser/dist dist
# Holds the keystore and the signer's socket; volumes mounted here take over this ownership.
RUN mkdir -p /purser/.purser/keystore /purser/.purser/run /backups \
  && chown -R node:node /purser/.purser /backups && chmod -R 700 /purser/.purser /backups
USER node
CMD ["node", "--enable-source-maps", "--min-semi-space-size=16", "dist/apps/api/src/main.js"]
