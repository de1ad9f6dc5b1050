// Draws a dashboard with Grafana's own components, from its JSON and from what Prometheus answered.
import React from 'react';
import { createRoot } from 'react-dom/client';
import {
  createTheme,
  DataFrame,
  dateTime,
  DisplayProcessor,
  FieldType,
  getDisplayProcessor,
  MutableDataFrame,
  ThemeContext,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { BigValue, BigValueColorMode, BigValueGraphMode, GlobalStyles, Table, TimeSeries } from '@grafana/ui';

type Series = { name: string; labels: Record<string, string>; points: Array<[number, number | null]> };
type Given = { board: any; answers: Series[][]; span: { start: number; end: number; step: number } };

const given: Given = JSON.parse(document.getElementById('given')!.textContent!);
const theme = createTheme();
const CELL = { width: 58, height: 34, gap: 8 };
const range = (() => {
  const from = dateTime(given.span.start * 1000);
  const to = dateTime(given.span.end * 1000);
  return { from, to, raw: { from, to } };
})();

function configOf(panel: any, name: string): any {
  const config = { ...panel.fieldConfig.defaults };
  for (const override of panel.fieldConfig.overrides ?? []) {
    if (override.matcher.id === 'byName' && override.matcher.options === name) {
      for (const property of override.properties) {
        config[property.id] = property.value;
      }
    }
  }
  return config;
}

function framesOf(panel: any, series: Series[]): DataFrame[] {
  return series.map((each, index) => {
    const name = each.name || 'Value';
    const frame = new MutableDataFrame({
      fields: [
        { name: 'Time', type: FieldType.time, config: {}, values: each.points.map(([when]) => when * 1000) },
        {
          name,
          type: FieldType.number,
          labels: each.labels,
          config: { ...configOf(panel, name), displayName: name },
          values: each.points.map(([, value]) => value),
          state: { seriesIndex: index, displayName: name },
        } as any,
      ],
    });
    for (const field of frame.fields) {
      field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' }) as DisplayProcessor;
    }
    return frame;
  });
}

function Stats({ panel, series, width, height }: any) {
  const each = width / Math.max(series.length, 1);
  return (
    <div style={{ display: 'flex' }}>
      {framesOf(panel, series).map((frame, index) => {
        const field = frame.fields[1];
        const value = field.display!(field.values[field.values.length - 1]);
        return (
          <BigValue
            key={index}
            width={each}
            height={height}
            theme={theme}
            colorMode={panel.options.colorMode as BigValueColorMode}
            graphMode={BigValueGraphMode.None}
            value={{ ...value, title: field.name }}
          />
        );
      })}
    </div>
  );
}

function Rows({ panel, series, width, height }: any) {
  const { excludeByName, indexByName } = panel.transformations[0].options;
  const names = new Set<string>(series.flatMap((each: Series) => Object.keys(each.labels)));
  const shown = [...names]
    .filter((name) => !excludeByName[name])
    .sort((one, other) => (indexByName[one] ?? 99) - (indexByName[other] ?? 99));
  const frame = new MutableDataFrame({
    fields: shown.map((name) => ({
      name,
      type: FieldType.string,
      config: { custom: panel.fieldConfig.defaults.custom },
      values: series.map((each: Series) => each.labels[name] ?? ''),
    })),
  });
  for (const field of frame.fields) {
    field.display = getDisplayProcessor({ field, theme });
  }
  return <Table data={frame} width={width} height={height} columnMinWidth={40} />;
}

function Curves({ panel, series, width, height }: any) {
  return (
    <TimeSeries
      frames={framesOf(panel, series)}
      structureRev={1}
      width={width}
      height={height}
      timeRange={range as any}
      timeZone="utc"
      legend={panel.options.legend}
    />
  );
}

const KINDS: Record<string, any> = { stat: Stats, table: Rows, timeseries: Curves };

function Panel({ panel, series }: { panel: any; series: Series[] }) {
  const { x, y, w, h } = panel.gridPos;
  const width = w * (CELL.width + CELL.gap) - CELL.gap;
  const height = h * (CELL.height + CELL.gap) - CELL.gap;
  const Kind = KINDS[panel.type];
  return (
    <section
      style={{
        position: 'absolute',
        left: x * (CELL.width + CELL.gap),
        top: y * (CELL.height + CELL.gap) + 56,
        width,
        height,
        background: theme.colors.background.primary,
        border: `1px solid ${theme.colors.border.weak}`,
        borderRadius: 2,
        overflow: 'hidden',
      }}
    >
      <h2 style={{ fontSize: 14, fontWeight: 500, margin: 0, padding: '6px 8px', height: 32 }}>{panel.title}</h2>
      <div style={{ padding: '0 8px' }}>
        {series.length ? (
          <Kind panel={panel} series={series} width={width - 18} height={height - 42} />
        ) : (
          <p style={{ textAlign: 'center', color: theme.colors.text.secondary }}>No data</p>
        )}
      </div>
    </section>
  );
}

function Board() {
  const { panels, title } = given.board;
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <h1 style={{ fontSize: 22, margin: 0, padding: '12px 4px', height: 56 }}>{title}</h1>
      {panels.map((panel: any, index: number) => (
        <Panel key={panel.id} panel={panel} series={given.answers[index]} />
      ))}
    </ThemeContext.Provider>
  );
}

initPluginTranslations('clusterproof').then(() => createRoot(document.getElementById('board')!).render(<Board />));
