# The application and the job of sidekiq.sh. Sidekiq tells an application nothing of a job's end, so the job pushes its
# number onto the list 'done'.
#
#     PEERS_REDIS_PORT=PORT ruby sidekiq_app.rb WINDOW JOBS NAME=SESSION...
require 'json'
require 'redis'
require 'sidekiq'

URL = "redis://127.0.0.1:#{ENV.fetch('PEERS_REDIS_PORT')}/0".freeze
Sidekiq.logger.level = Logger::WARN
Sidekiq.configure_client { |config| config.redis = { url: URL, size: 1 } }
Sidekiq.configure_server { |config| config.redis = { url: URL } }

class BenchJob
  include Sidekiq::Worker
  sidekiq_options retry: 0

  def perform(payload)
    Sidekiq.redis { |redis| redis.lpush('done', payload[0, 8]) }
  end
end

class Application
  def initialize(window)
    @window = window
    @redis = Redis.new(url: URL, timeout: 90)
  end

  # Keeps the window full until all have ended; how long each took.
  def drive(jobs)
    begun = Array.new(jobs)
    took = Array.new(jobs)
    sent = ended = 0
    while ended < jobs
      free = [@window - (sent - ended), jobs - sent].min
      if free.positive?
        now = seconds
        arguments = (sent...sent + free).map { |number| [format('%08d', number).ljust(100, 'x')] }
        begun.fill(now, sent, free)
        # All in one command: what costs Sidekiq least.
        Sidekiq::Client.push_bulk('class' => BenchJob, 'args' => arguments)
        sent += free
      end
      _, numbers = @redis.call('BLMPOP', 60, 1, 'done', 'RIGHT', 'COUNT', 1000)
      abort('nothing has come for a minute') unless numbers
      numbers.each do |digits|
        number = Integer(digits, 10)
        abort("job #{number} ended twice, or was never sent") if number >= sent || took[number]
        took[number] = seconds - begun[number]
      end
      ended += numbers.size
    end
    took
  end

  def seconds(clock = Process::CLOCK_MONOTONIC)
    Process.clock_gettime(clock)
  end

  # Processor time of all processes of a session, as the kernel's clocks of processes have it.
  def processor(session)
    Dir.glob('/proc/[0-9]*/stat').sum do |path|
      fields = File.read(path).rpartition(')').last.split
      fields[3] == session ? seconds(~Integer(path[/\d+/]) << 3 | 2) : 0
    rescue Errno::ENOENT, Errno::ESRCH, Errno::EINVAL
      0
    end
  end

  def run(jobs, sessions)
    drive([@window, 100].max)
    before = sessions.transform_values { |session| processor(session) }
    own = seconds(Process::CLOCK_PROCESS_CPUTIME_ID)
    begun = seconds
    took = drive(jobs).sort
    lasted = seconds - begun
    cpu = { application: seconds(Process::CLOCK_PROCESS_CPUTIME_ID) - own }
    sessions.each { |name, session| cpu[name] = processor(session) - before[name] }
    cpu.transform_values! { |used| (used * 1e6 / jobs).round(2) }
    puts JSON.generate(
      jobs: jobs, window: @window, cpu: cpu, jobsPerSecond: (jobs / lasted).round(1),
      cpuMicrosecondsPerJob: cpu.values.sum.round(2), p50Microseconds: (took[jobs / 2] * 1e6).round(1),
      p99Microseconds: (took[jobs * 99 / 100] * 1e6).round(1)
    )
  end
end

if $PROGRAM_NAME == __FILE__
  Application.new(Integer(ARGV[0])).run(Integer(ARGV[1]), ARGV.drop(2).to_h { |word| word.split('=') })
end
