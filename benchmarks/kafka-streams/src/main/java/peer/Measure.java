package peer;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * mode=run: waits (by asking for the committed offsets of the application, which costs next to nothing) until all of
 * the input is committed, takes CPU time and memory from /proc, then counts the outputs as a read_committed consumer.
 * mode=latency: reads the output live; latency = moment poll returned a record - its timestamp (append to the input).
 * Arguments: bootstrap group in out dlq app.pid broker.pid broker.cpu(seconds at the start) t0(ms) check label timeout
 */
public final class Measure {
  static double cpu(String pid) throws Exception { // user + system seconds of all threads, at 100 ticks a second
    String s = Files.readString(Path.of("/proc/" + pid + "/stat"));
    String[] f = s.substring(s.lastIndexOf(')') + 2).split(" ");
    return (Long.parseLong(f[11]) + Long.parseLong(f[12])) / 100.0;
  }

  static long peakMb(String pid) throws Exception {
    for (String l : Files.readAllLines(Path.of("/proc/" + pid + "/status")))
      if (l.startsWith("VmHWM:")) return Long.parseLong(l.replaceAll("\\D", "")) / 1024;
    return 0;
  }

  static Map<TopicPartition, Long> ends(Admin admin, String topic) throws Exception {
    var partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().stream()
        .collect(Collectors.toMap(p -> new TopicPartition(topic, p.partition()), p -> OffsetSpec.latest()));
    return admin.listOffsets(partitions).all().get().entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, e -> e.getValue().offset()));
  }

  static KafkaConsumer<byte[], byte[]> consumer(String bootstrap) {
    return new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed",
        "auto.offset.reset", "earliest", "max.poll.records", "10000"), new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** {count, first timestamp, last timestamp, sum of the keys as numbers} of a topic, up to its present end. */
  static long[] count(String bootstrap, Admin admin, String topic) throws Exception {
    var ends = ends(admin, topic);
    var r = new long[] {0, Long.MAX_VALUE, 0, 0};
    try (var c = consumer(bootstrap)) {
      c.assign(ends.keySet());
      while (!ends.entrySet().stream().allMatch(e -> c.position(e.getKey()) >= e.getValue())) {
        for (var rec : c.poll(Duration.ofMillis(100))) {
          r[0]++;
          r[1] = Math.min(r[1], rec.timestamp());
          r[2] = Math.max(r[2], rec.timestamp());
          try { r[3] += Long.parseLong(new String(rec.key(), StandardCharsets.US_ASCII)); } catch (RuntimeException e) { r[3] += 0; }
        }
      }
    }
    return r;
  }

  static void run(Map<String, String> a, Admin admin) throws Exception {
    String app = a.get("app.pid"), broker = a.get("broker.pid");
    long n = ends(admin, a.get("in")).values().stream().mapToLong(v -> v).sum(), t0 = Long.parseLong(a.get("t0")), done = 0;
    double[] half = null; // records, seconds, app CPU, broker CPU once half of the input is committed: after warm-up
    long deadline = System.currentTimeMillis() + 1000 * Long.parseLong(a.getOrDefault("timeout", "400"));
    while (done < n) {
      Thread.sleep(100);
      if (System.currentTimeMillis() > deadline) throw new IllegalStateException("timeout at " + done + " of " + n);
      done = admin.listConsumerGroupOffsets(a.get("group")).partitionsToOffsetAndMetadata().get().values().stream()
          .mapToLong(o -> o == null ? 0 : o.offset()).sum();
      if (half == null && done >= n / 2)
        half = new double[] {done, System.currentTimeMillis() / 1e3, cpu(app), cpu(broker)};
    }
    double end = System.currentTimeMillis() / 1e3, appCpu = cpu(app), brokerCpu = cpu(broker), m = n / 1e6;
    double rest = (n - half[0]) / 1e6, brokerRun = brokerCpu - Double.parseDouble(a.get("broker.cpu"));
    long rss = peakMb(app);
    long[] out = count(a.get("bootstrap"), admin, a.get("out")), dead = count(a.get("bootstrap"), admin, a.get("dlq"));
    System.out.printf("%s in=%d out=%d dead=%d ids=%s first=%d last=%d rate_total=%.0f rate_out=%.0f rate_2nd=%.0f "
            + "app_cpu=%.2f broker_cpu=%.2f app_cpu_2nd=%.2f broker_cpu_2nd=%.2f rss_mb=%d%n", a.get("label"), n, out[0], dead[0],
        out[3] == Long.parseLong(a.get("check")) ? "ok" : "DIFFER", out[1], out[2], n / (end - t0 / 1e3),
        n / ((out[2] - out[1]) / 1e3), 1e6 * rest / (end - half[1]), appCpu / m, brokerRun / m,
        (appCpu - half[2]) / rest, (brokerCpu - half[3]) / rest, rss);
  }

  static void latency(Map<String, String> a, Admin admin) throws Exception {
    long from = System.currentTimeMillis() + 1000 * Long.parseLong(a.get("warm")), until = from + 1000 * Long.parseLong(a.get("seconds"));
    var histogram = new long[20_000];
    long n = 0;
    double app = 0, broker = 0;
    try (var c = consumer(a.get("bootstrap"))) {
      c.assign(ends(admin, a.get("out")).keySet());
      c.seekToEnd(List.of());
      for (long at = 0; at < until; ) {
        var records = c.poll(Duration.ofMillis(50));
        at = System.currentTimeMillis();
        if (at < from) continue;
        if (app == 0) {
          app = cpu(a.get("app.pid"));
          broker = cpu(a.get("broker.pid"));
        }
        for (var r : records) histogram[(int) Math.max(0, Math.min(19_999, at - r.timestamp()))]++;
        n += records.count();
      }
    }
    double s = (System.currentTimeMillis() - from) / 1e3;
    System.out.printf("%s records=%d rate=%.0f p50=%d p90=%d p99=%d p99.9=%d max=%d app_cores=%.2f broker_cores=%.2f%n", a.get("label"), n,
        n / s, at(histogram, .5 * n), at(histogram, .9 * n), at(histogram, .99 * n), at(histogram, .999 * n), at(histogram, n),
        (cpu(a.get("app.pid")) - app) / s, (cpu(a.get("broker.pid")) - broker) / s);
  }

  static int at(long[] histogram, double rank) {
    long sum = 0;
    for (int i = 0; i < histogram.length; i++) if ((sum += histogram[i]) >= rank) return i;
    return histogram.length;
  }

  public static void main(String[] argv) throws Exception {
    var a = Wire.args(argv);
    try (var admin = Admin.create(Map.of("bootstrap.servers", a.get("bootstrap")))) {
      if (a.getOrDefault("mode", "run").equals("run")) run(a, admin);
      else latency(a, admin);
    }
  }
}
