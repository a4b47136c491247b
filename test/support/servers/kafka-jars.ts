import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { mustRun } from "./programs.ts";

/** The newest of which all jars were on Maven Central when this was written (4.4.0 lacked kafka-tools). */
export const kafkaVersion = "4.3.1";
/** Fits the slf4j-api that this Kafka asks for; one of line 2 would print nothing at all. */
const slf4jVersion = "1.7.36";
const copyJars = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    ${dependency("org.apache.kafka", "kafka_2.13", kafkaVersion)}
    ${dependency("org.apache.kafka", "kafka-tools", kafkaVersion)}
    ${dependency("org.slf4j", "slf4j-simple", slf4jVersion)}
  </dependencies>
</project>
`;

function dependency(group: string, artifact: string, version: string): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
}

/** @returns the folder of Kafka's jars; the first time 54 MB come by Maven */
export function kafkaJars(): Promise<string> {
  return cached(`kafka-${kafkaVersion}`, async (folder) => {
    console.log(`mvn copy-dependencies: Kafka ${kafkaVersion} for the tests, 54 MB the first time`);
    const pomFile = join(folder, "pom.xml");
    await writeFile(pomFile, pom);
    const options = ["-DincludeScope=runtime", `-DoutputDirectory=${folder}`];
    await mustRun("mvn", ["--quiet", "--batch-mode", "--file", pomFile, copyJars, ...options]);
  });
}
